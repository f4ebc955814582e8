// Attention on tensor cores, bf16 and fp16: FlashAttention-2 (Dao 2023). The keys of a block are copied while the
// values before them are summed, the values while the keys are multiplied.
#include "kernels/cuda/attention.hpp"
#include "kernels/cuda/attention_mma.cuh"

namespace scalebench::cuda::tensor_core {

namespace {

template <int Size, class T>
struct Shared {
  Tile<T, Size, kRows> keys, values;
};

template <class T>
struct Operands {
  Heads<const T> query, key, value;
  Heads<T> output;
  float* log_sum_exp;  // [N, A]
};

using Scores = float[kRows / 8][4];

// Of the two rows that a lane has a part of: weights are 2^(score - reference), divided by their sum at the end.
struct Softmax {
  float reference[2] = {kNoneYet, kNoneYet}, sum[2] = {};

  // Scores become weights, hidden ones (-infinity) 0. What was summed before must shrink by `shrink`.
  __device__ void weigh(float scale, Scores& scores, float (&shrink)[2]) {
#pragma unroll
    for (int row = 0; row < 2; ++row) {
      float highest = scores[0][2 * row];
      for (const auto& part : scores) highest = fmaxf(highest, fmaxf(part[2 * row], part[2 * row + 1]));
      highest = over_row(highest, [](float a, float b) { return fmaxf(a, b); });  // a NaN shows in its weight
      highest = fmaxf(reference[row], highest * scale);
      shrink[row] = power_of_two(reference[row] - highest);
      reference[row] = highest, sum[row] *= shrink[row];
      for (auto& part : scores)
        for (int i = 2 * row; i < 2 * row + 2; ++i) {
          part[i] = power_of_two(part[i] * scale - highest);
          sum[row] += part[i];
        }
    }
  }
};

__device__ void hide(const Visible& visible, Scores& scores) {
#pragma unroll
  for (int n = 0; n < kRows / 8; ++n)
    for (int i = 0; i < 4; ++i)
      if (!visible(row_of(i), column_of(n, i))) scores[n][i] = -INFINITY;
}

// Whether all queries of a block from `row` on see all keys of one from `key` on.
__device__ bool all_seen(const AttentionShape& shape, std::int64_t row, std::int64_t key) {
  return key + kRows <= row + 1 && row + kRows - 1 - key < shape.window;
}

template <int Size, class T>
__global__ void __launch_bounds__(kThreads, Size == 64 ? 3 : 2) forward(AttentionShape shape, Operands<T> operands) {
  __shared__ Shared<Size, T> shared;
  const AttentionPlace place(shape, shape.heads, kRows, true);
  const std::int64_t kv_head = place.head / shape.group();
  const auto keys = rows_of_head(operands.key, shape, place.sequence, kv_head);
  const auto values = rows_of_head(operands.value, shape, place.sequence, kv_head);
  const std::int64_t begin = shape.first_key(place.first) / kRows * kRows;
  const std::int64_t end = min(place.first + kRows, shape.length);

  unsigned query[Size / 16][4];
  begin_tile(rows_of_head(operands.query, shape, place.sequence, place.head), place.first, shared.values);
  end_group();
  begin_tile(keys, begin, shared.keys);
  end_group();
  wait_for_copies<1>();
  __syncthreads();
#pragma unroll
  for (int step = 0; step < Size / 16; ++step) load_first(shared.values, step, query[step]);

  Softmax softmax;
  float sums[Size / 8][4] = {};
  for (std::int64_t key = begin; key < end; key += kRows) {
    __syncthreads();  // nobody reads values any more
    begin_tile(values, key, shared.values);
    end_group();
    wait_for_copies<1>();
    __syncthreads();
    Scores scores;
    multiply<Size, kRows>(
        [&](int step, unsigned(&to)[4]) {
          for (int i = 0; i < 4; ++i) to[i] = query[step][i];
        },
        shared.keys, scores);
    __syncthreads();  // nobody reads keys any more
    if (key + kRows < end) begin_tile(keys, key + kRows, shared.keys);
    end_group();
    if (!all_seen(shape, place.first, key)) hide(Visible(shape, place.first + warp_row(), key), scores);
    float shrink[2];
    softmax.weigh(shape.scale * kLog2E, scores, shrink);
#pragma unroll
    for (auto& part : sums)
      for (int i = 0; i < 4; ++i) part[i] *= shrink[i / 2];
    wait_for_copies<1>();
    __syncthreads();
    add_weighted<Size, kRows>(scores, shared.values, sums);
  }

  float factors[2];
  for (int i = 0; i < 2; ++i) {
    const float sum = over_row(softmax.sum[i], Sum{});
    const std::int64_t row = place.first + warp_row() + row_of(2 * i);
    factors[i] = 1.0F / sum;
    if (lane() % 4 == 0 && row < shape.length)
      operands.log_sum_exp[(place.sequence * shape.length + row) * shape.heads + place.head] =
          softmax.reference[i] * kLn2 + logf(sum);
  }
  store<Size>(sums, factors, shared.keys, rows_of_head(operands.output, shape, place.sequence, place.head),
              place.first);
}

}  // namespace

void compute(const Attention& op, CudaContext& context) {
  const AttentionShape shape = shape_of(op.query, op.key, op.sequence, op.scale, op.window);
  for_size_and_dtype(shape.size, op.query.dtype(), [&]<class T>(auto size, T) {
    constexpr int kSize = decltype(size)::value;
    const Operands<T> operands{heads_of<const T>(op.query), heads_of<const T>(op.key), heads_of<const T>(op.value),
                               heads_of<T>(op.output), data_of<float>(op.log_sum_exp)};
    launch(context, forward<kSize, T>, grid_of(shape, shape.heads), kThreads, shape, operands);
  });
}

}  // namespace scalebench::cuda::tensor_core
