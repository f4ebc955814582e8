#include "collectives/mpi/calls.hpp"

#include <bit>
#include <cstring>
#include <limits>

#include "base/small_float.hpp"
#include "collectives/mpi/session.hpp"

namespace scalebench {

namespace {

constexpr int kTag = 1;

MPI_Datatype type_of(DType dtype) {
  switch (dtype) {
    case DType::f32:
      return MPI_FLOAT;
    case DType::i32:
      return MPI_INT32_T;
    case DType::bf16:
    case DType::f16:
      return MPI_UINT16_T;
    case DType::i8:
    case DType::e4m3:
    case DType::e5m2:
      return MPI_INT8_T;
  }
  return MPI_BYTE;
}

struct OfBf16 {
  static float widen(std::uint16_t half) { return std::bit_cast<float>(static_cast<std::uint32_t>(half) << 16); }
  static std::uint16_t narrow(float value) {  // round to nearest even; NaN stays NaN
    const auto bits = std::bit_cast<std::uint32_t>(value);
    if ((bits & 0x7fffffffU) > 0x7f800000U) return static_cast<std::uint16_t>((bits >> 16) | 0x40U);
    return static_cast<std::uint16_t>((bits + 0x7fffU + ((bits >> 16) & 1U)) >> 16);
  }
};

struct OfFp16 {
  static float widen(std::uint16_t half) { return number_of<kFp16>(half); }
  static std::uint16_t narrow(float value) { return code_of<kFp16>(value); }
};

template <class Of, class Combine>
void reduce(void* in, void* inout, int* count, Combine combine) {
  const auto* a = static_cast<const std::uint16_t*>(in);
  auto* b = static_cast<std::uint16_t*>(inout);
  for (int i = 0; i < *count; ++i) b[i] = Of::narrow(combine(Of::widen(a[i]), Of::widen(b[i])));
}

template <class Of>
void sum(void* in, void* inout, int* count, MPI_Datatype*) {
  reduce<Of>(in, inout, count, [](float a, float b) { return a + b; });
}
template <class Of>
void maximum(void* in, void* inout, int* count, MPI_Datatype*) {
  reduce<Of>(in, inout, count, [](float a, float b) { return a > b ? a : b; });
}

// MPI has neither bf16 nor fp16: their two reductions are made once, at their first use.
template <class Of>
MPI_Op reduction_of(Reduction reduction) {
  const auto make = [](MPI_User_function* function) {
    MPI_Op op = MPI_OP_NULL;
    check_mpi(MPI_Op_create(function, 1, &op), "MPI_Op_create");
    return op;
  };
  static const MPI_Op of_sum = make(sum<Of>);
  static const MPI_Op of_maximum = make(maximum<Of>);
  return reduction == Reduction::sum ? of_sum : of_maximum;
}

MPI_Op op_of(Reduction reduction, DType dtype) {
  if (dtype == DType::bf16) return reduction_of<OfBf16>(reduction);
  if (dtype == DType::f16) return reduction_of<OfFp16>(reduction);
  return reduction == Reduction::sum ? MPI_SUM : MPI_MAX;
}

int count_of(const Tensor& tensor) {
  if (tensor.count() > std::numeric_limits<int>::max())
    fail(Exit::bad_input, "{} has {} elements (one MPI call takes at most 2147483647) use more ranks or a smaller size",
         to_string(tensor), tensor.count());
  return static_cast<int>(tensor.count());
}

// MPI_IN_PLACE where the input is where the output will be.
const void* input_of(const Tensor& input, const Tensor& output) {
  return input.same_place(output) ? MPI_IN_PLACE : static_cast<const void*>(input.address());
}

void copy_unless_in_place(const Tensor& from, const Tensor& to) {
  if (!from.same_place(to)) std::memcpy(to.address(), from.address(), from.bytes());
}

}  // namespace

void call_mpi(const AllReduce& op, MPI_Comm comm, MPI_Request* request) {
  const DType dtype = op.input.dtype();
  const void* input = input_of(op.input, op.output);
  const int count = count_of(op.input);
  const MPI_Op reduction = op_of(op.reduction, dtype);
  if (request == nullptr)
    check_mpi(MPI_Allreduce(input, op.output.address(), count, type_of(dtype), reduction, comm), "MPI_Allreduce");
  else
    check_mpi(MPI_Iallreduce(input, op.output.address(), count, type_of(dtype), reduction, comm, request),
              "MPI_Iallreduce");
}

void call_mpi(const AllGather& op, MPI_Comm comm, MPI_Request* request) {
  const MPI_Datatype type = type_of(op.shard.dtype());
  const int count = count_of(op.shard);
  int rank = 0;
  MPI_Comm_rank(comm, &rank);
  const Tensor own = op.full.slice(0, rank * op.shard.count(), op.shard.count());
  const void* input = input_of(op.shard, own);
  if (request == nullptr)
    check_mpi(MPI_Allgather(input, count, type, op.full.address(), count, type, comm), "MPI_Allgather");
  else
    check_mpi(MPI_Iallgather(input, count, type, op.full.address(), count, type, comm, request), "MPI_Iallgather");
}

void call_mpi(const ReduceScatter& op, MPI_Comm comm, MPI_Request* request) {
  const DType dtype = op.full.dtype();
  const int count = count_of(op.shard);
  const MPI_Op reduction = op_of(Reduction::sum, dtype);
  if (request == nullptr)
    check_mpi(MPI_Reduce_scatter_block(op.full.address(), op.shard.address(), count, type_of(dtype), reduction, comm),
              "MPI_Reduce_scatter_block");
  else
    check_mpi(MPI_Ireduce_scatter_block(op.full.address(), op.shard.address(), count, type_of(dtype), reduction, comm,
                                        request),
              "MPI_Ireduce_scatter_block");
}

void call_mpi(const Broadcast& op, MPI_Comm comm, MPI_Request* request) {
  void* const values = op.values.address();
  const int count = count_of(op.values);
  const MPI_Datatype type = type_of(op.values.dtype());
  if (request == nullptr)
    check_mpi(MPI_Bcast(values, count, type, 0, comm), "MPI_Bcast");
  else
    check_mpi(MPI_Ibcast(values, count, type, 0, comm, request), "MPI_Ibcast");
}

void call_mpi(const Send& op, MPI_Comm comm, MPI_Request* request) {
  const void* const from = op.values.address();
  const int count = count_of(op.values);
  const MPI_Datatype type = type_of(op.values.dtype());
  if (request == nullptr)
    check_mpi(MPI_Send(from, count, type, op.to, kTag, comm), "MPI_Send");
  else
    check_mpi(MPI_Isend(from, count, type, op.to, kTag, comm, request), "MPI_Isend");
}

void call_mpi(const Receive& op, MPI_Comm comm, MPI_Request* request) {
  void* const to = op.values.address();
  const int count = count_of(op.values);
  const MPI_Datatype type = type_of(op.values.dtype());
  if (request == nullptr)
    check_mpi(MPI_Recv(to, count, type, op.from, kTag, comm, MPI_STATUS_IGNORE), "MPI_Recv");
  else
    check_mpi(MPI_Irecv(to, count, type, op.from, kTag, comm, request), "MPI_Irecv");
}

void call_alone(const AllReduce& op) { copy_unless_in_place(op.input, op.output); }
void call_alone(const AllGather& op) { copy_unless_in_place(op.shard, op.full); }
void call_alone(const ReduceScatter& op) { copy_unless_in_place(op.full, op.shard); }
void call_alone(const Broadcast&) {}
void call_alone(const Send& op) { ensure(false, "send of {} by a rank alone", to_string(op.values)); }
void call_alone(const Receive& op) { ensure(false, "receive of {} by a rank alone", to_string(op.values)); }

}  // namespace scalebench
