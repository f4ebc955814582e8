#include "kernels/cuda/cells.cuh"
#include "kernels/cuda/compute.hpp"

namespace scalebench::cuda {

namespace {

constexpr int kThreads = 256;
// The same on every GPU, and so the order of additions; 8 blocks a multiprocessor of the largest.
constexpr int kBlocks = 1216;

// A thread's squares in fp32, 16 at a time; these sums in double.
template <int N>
__global__ void squares(const float* values, std::int64_t count, double* partials) {
  constexpr int kAtOnce = 4;
  const std::int64_t step = global_threads() * N;
  double sum = 0;
  for (std::int64_t i = global_thread() * N; i < count; i += kAtOnce * step) {
    Pack<float, N> read[kAtOnce]{};
    for (int k = 0; k < kAtOnce; ++k)
      if (const std::int64_t at = i + k * step; at < count) read[k] = load<N>(values + at);
    float here = 0;
    for (const auto& pack : read)
      for (const float x : pack.at) here += x * x;
    sum += static_cast<double>(here);
  }
  sum = over_block(sum);
  if (threadIdx.x == 0) partials[blockIdx.x] = sum;
}

__global__ void add_partials(const double* partials, int count, const float* rest, int rest_count, double weight,
                             float* total) {
  double sum = 0;
  for (int i = static_cast<int>(threadIdx.x); i < count; i += static_cast<int>(blockDim.x)) sum += partials[i];
  if (static_cast<int>(threadIdx.x) < rest_count) sum += static_cast<double>(rest[threadIdx.x] * rest[threadIdx.x]);
  sum = over_block(sum);
  if (threadIdx.x == 0) *total += static_cast<float>(weight * sum);
}

}  // namespace

void compute(const SumOfSquares& op, CudaContext& context) {
  need(op.values.contiguous() && op.values.dtype() == DType::f32, op.values, "is not contiguous fp32");
  const float* const values = data_of<float>(op.values);
  const std::int64_t count = op.values.count();
  const bool packed = reinterpret_cast<std::uintptr_t>(values) % sizeof(Pack<float>) == 0;
  const std::int64_t each = packed ? 4 : 1, whole = count / each * each;
  const unsigned blocks = std::min<unsigned>(kBlocks, blocks_for(whole, kThreads * each));
  auto* const partials = reinterpret_cast<double*>(context.scratch(kBlocks * sizeof(double)));
  launch(context, packed ? squares<4> : squares<1>, blocks, kThreads, values, whole, partials);
  launch(context, add_partials, 1, kThreads, partials, blocks, values + whole, count - whole, op.weight,
         data_of<float>(op.total));
}

}  // namespace scalebench::cuda
