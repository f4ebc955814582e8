// Upload, NextTokens: what a step of decode begins with.
#include "kernels/cuda/compute.hpp"
#include "kernels/cuda/launch.cuh"
#include "kernels/cuda/numbers.cuh"

namespace scalebench::cuda {

namespace {

constexpr int kThreads = 256;

// An origin behind what was drawn gives -1, which no table holds.
__global__ void next_tokens(const std::int32_t* given, const std::int32_t* origins, const std::int32_t* sampled,
                            std::int64_t drawn, std::int32_t* tokens, std::int64_t count) {
  for (std::int64_t n = global_thread(); n < count; n += global_threads()) {
    const std::int32_t origin = origins[n];
    tokens[n] = origin < 0 ? given[n] : origin < drawn ? max(sampled[origin], 0) : -1;
  }
}

}  // namespace

void compute(const Upload& op, CudaContext& context) {
  need(op.to.dtype() == DType::i32 && op.to.contiguous() &&
           op.to.count() == static_cast<std::int64_t>(op.values->size()),
       op.to, "is not where as many values can be uploaded to");
  context.staging().copy(op.to.address(), op.values->data(), op.to.bytes(), context.stream());
}

void compute(const NextTokens& op, CudaContext& context) {
  const std::int64_t rows = op.tokens.count();
  need(op.given.count() == rows && op.origins.count() == rows, op.tokens,
       "has not as many rows as the tokens that are given, or their origins");
  launch(context, next_tokens, blocks_to_fill(context, rows, kThreads), kThreads, data_of<std::int32_t>(op.given),
         data_of<std::int32_t>(op.origins), data_of<std::int32_t>(op.sampled), op.sampled.count(),
         data_of<std::int32_t>(op.tokens), rows);
}

}  // namespace scalebench::cuda
