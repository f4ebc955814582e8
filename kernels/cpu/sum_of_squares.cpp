#include "kernels/cpu/compute.hpp"
#include "kernels/cpu/context.hpp"
#include "kernels/cpu/numbers.hpp"

namespace scalebench::cpu {

namespace {

// Summed in fp32 within a block of this many elements, in double over blocks: the same sum for any number of threads.
constexpr std::int64_t kBlock = 4096;

float sum_block(const float* values, std::int64_t count) {
  float sum = 0;
#pragma omp simd reduction(+ : sum)
  for (std::int64_t i = 0; i < count; ++i) sum += values[i] * values[i];
  return sum;
}

}  // namespace

void compute(const SumOfSquares& op, CpuContext& context) {
  ensure(op.values.contiguous() && op.values.dtype() == DType::f32, "sum_of_squares of {}", to_string(op.values));
  const std::int64_t count = op.values.count(), blocks = (count + kBlock - 1) / kBlock;
  const float* const values = data_of<float>(op.values);
  context.shared_arena().reset();
  float* const partials = context.shared_arena().take<float>(blocks);
  context.split(blocks, rows_per_thread(kBlock), [&](std::int64_t begin, std::int64_t end, int) {
    for (std::int64_t block = begin; block < end; ++block)
      partials[block] = sum_block(values + block * kBlock, std::min(kBlock, count - block * kBlock));
  });
  double sum = 0;
  for (std::int64_t block = 0; block < blocks; ++block) sum += static_cast<double>(partials[block]);
  *data_of<float>(op.total) += static_cast<float>(op.weight * sum);
}

}  // namespace scalebench::cpu
