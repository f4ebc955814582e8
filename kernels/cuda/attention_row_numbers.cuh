// What the gradients of scores need of each row: its log-sum-exp, and delta = the sum over D of d_output * output (Dao
// et al. 2022).
#pragma once

#include "kernels/cuda/attention_shape.cuh"
#include "kernels/cuda/launch.cuh"

namespace scalebench::cuda {

// The weight of a score is 2^(score - reference), in base 2. Two rows' are read at once.
struct alignas(8) RowNumbers {
  float reference, delta;
};

// [sequences, A, length], the length padded: zeros behind the rows.
struct AllRowNumbers {
  static constexpr std::int64_t kPadding = 64;
  RowNumbers* data;
  std::int64_t length;
  __device__ RowNumbers* at(const AttentionShape& shape, std::int64_t sequence, std::int64_t head) const {
    return data + (sequence * shape.heads + head) * length;
  }
};

// A warp for each row and head, the heads of a row beside each other; N numbers at a time.
template <class T, int N>
__global__ void row_numbers(AttentionShape shape, Heads<const T> output, Heads<const T> d_output,
                            const float* log_sum_exp, AllRowNumbers to) {
  const std::int64_t count = shape.sequences * to.length * shape.heads;
  const int lane = static_cast<int>(threadIdx.x) % kWarp;
  for (std::int64_t i = global_thread() / kWarp; i < count; i += global_threads() / kWarp) {
    const std::int64_t head = i % shape.heads, position = i / shape.heads % to.length;
    const std::int64_t sequence = i / shape.heads / to.length, row = sequence * shape.length + position;
    RowNumbers numbers{};
    if (position < shape.length) {
      const T *const a = output.at(row, head), *const b = d_output.at(row, head);
      float sum = 0;
      for (std::int64_t j = lane * N; j < shape.size; j += kWarp * N) {
        const auto x = *reinterpret_cast<const Pack<T, N>*>(a + j), y = *reinterpret_cast<const Pack<T, N>*>(b + j);
        for (int k = 0; k < N; ++k) sum += to_float(x.at[k]) * to_float(y.at[k]);
      }
      numbers = {log_sum_exp[row * shape.heads + head] * kLog2E, over_warp(sum)};
    }
    if (lane == 0) to.at(shape, sequence, head)[position] = numbers;
  }
}

// Into scratch memory. N numbers can be read at once.
template <class T, int N>
AllRowNumbers launch_row_numbers(const AttentionShape& shape, const AttentionBackward& op, CudaContext& context) {
  constexpr int kThreads = 256;
  const std::int64_t length = shape.blocks(AllRowNumbers::kPadding) * AllRowNumbers::kPadding;
  const std::int64_t count = shape.sequences * length * shape.heads;
  const std::size_t bytes = static_cast<std::size_t>(count) * sizeof(RowNumbers);
  const AllRowNumbers to{reinterpret_cast<RowNumbers*>(context.scratch(bytes)), length};
  launch(context, row_numbers<T, N>, blocks_to_fill(context, count, kThreads / kWarp), kThreads, shape,
         heads_of<const T>(op.output), heads_of<const T>(op.d_output), data_of<const float>(op.log_sum_exp), to);
  return to;
}

}  // namespace scalebench::cuda
