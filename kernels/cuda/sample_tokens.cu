#include "base/synthetic_language.hpp"
#include "kernels/cuda/compute.hpp"
#include "kernels/cuda/launch.cuh"
#include "kernels/cuda/numbers.cuh"

namespace scalebench::cuda {

namespace {

constexpr int kThreads = 128;

// A thread for every token, though each depends on the last one: SyntheticLanguage::at() looks back to where a word was
// drawn anew, three positions on average.
__global__ void sample_tokens(const __grid_constant__ SyntheticLanguage language, const std::int32_t* counter,
                              Rows<std::int32_t> tokens, std::int64_t first, std::int64_t stride) {
  const std::int64_t sequence = *counter * stride + first + blockIdx.y;
  for (std::int64_t t = global_thread(); t < tokens.width; t += global_threads())
    tokens[blockIdx.y][t] = language.at(static_cast<std::uint64_t>(sequence), static_cast<std::size_t>(t));
}

__global__ void pick_tokens(const std::int32_t* counter, Rows<std::int32_t> ids, Rows<std::int32_t> tokens,
                            std::int64_t first, std::int64_t stride) {
  const std::int64_t sequence = ((*counter - 1) * stride + first + blockIdx.y) % ids.count;
  for (std::int64_t t = global_thread(); t < tokens.width; t += global_threads())
    tokens[blockIdx.y][t] = ids[sequence][t];
}

dim3 blocks_of(const Rows<std::int32_t>& tokens) {
  return {blocks_for(tokens.width, kThreads), static_cast<unsigned>(tokens.count)};
}

}  // namespace

void compute(const SampleTokens& op, CudaContext& context) {
  const auto tokens = rows_of<std::int32_t>(op.tokens);
  launch(context, sample_tokens, blocks_of(tokens), kThreads, SyntheticLanguage(op.seed, op.vocabulary),
         data_of<std::int32_t>(op.counter), tokens, op.first, op.stride);
}

void compute(const PickTokens& op, CudaContext& context) {
  const auto ids = rows_of<std::int32_t>(op.ids), tokens = rows_of<std::int32_t>(op.tokens);
  need(ids.width == tokens.width, op.ids, "has not the columns of the tokens that it is picked for");
  launch(context, pick_tokens, blocks_of(tokens), kThreads, data_of<std::int32_t>(op.counter), ids, tokens, op.first,
         op.stride);
}

}  // namespace scalebench::cuda
