#include "collectives/nccl/calls.hpp"

namespace scalebench {

namespace {

ncclDataType_t type_of(DType dtype) {
  switch (dtype) {
    case DType::f32:
      return ncclFloat32;
    case DType::bf16:
      return ncclBfloat16;
    case DType::i32:
      return ncclInt32;
    case DType::i8:
      return ncclInt8;
    case DType::f16:
      return ncclFloat16;
    case DType::e4m3:
      return ncclFloat8e4m3;
    case DType::e5m2:
      return ncclFloat8e5m2;
  }
  return ncclInt8;
}

std::size_t count_of(const Tensor& tensor) { return static_cast<std::size_t>(tensor.count()); }

}  // namespace

ncclResult_t call_nccl(const AllReduce& op, ncclComm_t comm, cudaStream_t stream) {
  return ncclAllReduce(op.input.address(), op.output.address(), count_of(op.input), type_of(op.input.dtype()),
                       op.reduction == Reduction::sum ? ncclSum : ncclMax, comm, stream);
}

ncclResult_t call_nccl(const AllGather& op, ncclComm_t comm, cudaStream_t stream) {
  return ncclAllGather(op.shard.address(), op.full.address(), count_of(op.shard), type_of(op.shard.dtype()), comm,
                       stream);
}

ncclResult_t call_nccl(const ReduceScatter& op, ncclComm_t comm, cudaStream_t stream) {
  return ncclReduceScatter(op.full.address(), op.shard.address(), count_of(op.shard), type_of(op.full.dtype()), ncclSum,
                           comm, stream);
}

ncclResult_t call_nccl(const Broadcast& op, ncclComm_t comm, cudaStream_t stream) {
  return ncclBroadcast(op.values.address(), op.values.address(), count_of(op.values), type_of(op.values.dtype()), 0,
                       comm, stream);
}

ncclResult_t call_nccl(const Send& op, ncclComm_t comm, cudaStream_t stream) {
  return ncclSend(op.values.address(), count_of(op.values), type_of(op.values.dtype()), op.to, comm, stream);
}

ncclResult_t call_nccl(const Receive& op, ncclComm_t comm, cudaStream_t stream) {
  return ncclRecv(op.values.address(), count_of(op.values), type_of(op.values.dtype()), op.from, comm, stream);
}

}  // namespace scalebench
