// Inputs of collectives whose reduction is exactly predictable, and the count of what differs from it.
#include "kernels/cuda/compute.hpp"
#include "kernels/cuda/launch.cuh"
#include "kernels/cuda/numbers.cuh"

namespace scalebench::cuda {

namespace {

constexpr int kThreads = 256;

std::int64_t sharers(std::int64_t ranks) { return std::min(ranks, VerifiableInput::kMostSharers); }

template <class Body>
void for_element_type(const Tensor& tensor, const Body& body) {
  if (tensor.dtype() == DType::i32) return body(std::int32_t{});
  for_dtype(tensor, body);
}

template <class T>
__device__ T stored(std::int64_t value) {
  if constexpr (std::is_same_v<T, std::int32_t>)
    return static_cast<std::int32_t>(value);
  else
    return from_float<T>(static_cast<float>(value));
}

template <class T>
__device__ bool same(T a, T b) {
  if constexpr (sizeof(T) == 2)
    return a.bits == b.bits;
  else
    return a == b;
}

template <class T>
__global__ void verifiable_input(T* to, std::int64_t count, std::int64_t rank, std::int64_t ranks,
                                 std::int64_t sharers) {
  for (std::int64_t i = global_thread(); i < count; i += global_threads())
    to[i] = stored<T>((i + rank) % ranks < sharers ? 1 + i % 3 : 0);
}

template <class T>
__global__ void count_wrong(const T* values, std::int64_t count, std::int64_t times, std::int64_t* partials) {
  std::int64_t wrong = 0;
  for (std::int64_t i = global_thread(); i < count; i += global_threads())
    wrong += same(values[i], stored<T>((1 + i % 3) * times)) ? 0 : 1;
  wrong = over_block(wrong);
  if (threadIdx.x == 0) partials[blockIdx.x] = wrong;
}

__global__ void add_counts(const std::int64_t* partials, unsigned count, std::int32_t* wrong) {
  std::int64_t sum = 0;
  for (unsigned i = threadIdx.x; i < count; i += blockDim.x) sum += partials[i];
  sum = over_block(sum);
  if (threadIdx.x == 0) *wrong = static_cast<std::int32_t>(min(sum, std::int64_t{0x7FFFFFFF}));
}

}  // namespace

void compute(const VerifiableInput& op, CudaContext& context) {
  need(op.to.contiguous(), op.to, "is not contiguous");
  const std::int64_t count = op.to.count();
  for_element_type(op.to, [&](auto type) {
    using T = decltype(type);
    launch(context, verifiable_input<T>, blocks_to_fill(context, count, kThreads), kThreads, data_of<T>(op.to), count,
           op.rank, op.ranks, sharers(op.ranks));
  });
}

void compute(const CountWrong& op, CudaContext& context) {
  need(op.values.contiguous(), op.values, "is not contiguous");
  const std::int64_t count = op.values.count();
  const unsigned blocks = blocks_to_fill(context, count, kThreads);
  auto* const partials = reinterpret_cast<std::int64_t*>(context.scratch(blocks * sizeof(std::int64_t)));
  for_element_type(op.values, [&](auto type) {
    using T = decltype(type);
    launch(context, count_wrong<T>, blocks, kThreads, data_of<T>(op.values), count, op.maximum ? 1 : sharers(op.ranks),
           partials);
  });
  launch(context, add_counts, 1, kThreads, partials, blocks, data_of<std::int32_t>(op.wrong));
}

}  // namespace scalebench::cuda
