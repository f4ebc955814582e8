// Attention of any head size, fp32 or bf16: FlashAttention-2's order of work (Dao 2023) without tensor cores.
#include "kernels/cuda/attention.hpp"
#include "kernels/cuda/attention_plain.cuh"

namespace scalebench::cuda::plain {

namespace {

// Of the four rows that a thread has a part of: weights are 2^(score - reference), divided by their sum at the end.
struct Softmax {
  float reference[4] = {kNoneYet, kNoneYet, kNoneYet, kNoneYet}, sum[4] = {};

  // Scores in base 2 become weights; what was summed before must shrink by `shrink`.
  __device__ void weigh(const bool (&seen)[4][4], Scores& scores, float (&shrink)[4]) {
    for (int i = 0; i < 4; ++i) {
      float highest = reference[i];
      for (int j = 0; j < 4; ++j)
        if (seen[i][j]) highest = fmaxf(highest, scores[i][j]);  // a NaN shows in its weight
      highest = over_row(highest, [](float a, float b) { return fmaxf(a, b); });
      shrink[i] = exp2f(reference[i] - highest);
      reference[i] = highest, sum[i] *= shrink[i];
      for (int j = 0; j < 4; ++j) {
        scores[i][j] = seen[i][j] ? exp2f(scores[i][j] - highest) : 0.0F;
        sum[i] += scores[i][j];
      }
    }
  }
};

template <int Width, class T>
__global__ void __launch_bounds__(kThreads) forward(AttentionShape shape, Heads<const T> query, Heads<const T> key,
                                                    Heads<const T> value, Heads<T> output, float* log_sum_exp) {
  __shared__ Shared shared;
  const AttentionPlace place(shape, shape.heads, kTile, true);
  const std::int64_t kv_head = place.head / shape.group(), column = static_cast<std::int64_t>(blockIdx.y) * Width;
  const auto queries = rows_of_head(query, shape, place.sequence, place.head);
  const auto keys = rows_of_head(key, shape, place.sequence, kv_head);
  const auto values = rows_of_head(value, shape, place.sequence, kv_head);
  const std::int64_t row = place.first + 4 * thread_y();
  Softmax softmax;
  Sums<Width> sums = {};
  for (std::int64_t first = shape.first_key(place.first) / kTile * kTile;
       first < place.first + kTile && first < shape.length; first += kTile) {
    Scores scores;
    bool seen[4][4];
    float shrink[4];
    multiply(queries, place.first, keys, first, shared, scores);
    for (int i = 0; i < 4; ++i)
      for (int j = 0; j < 4; ++j) {
        seen[i][j] = shape.sees(row + i, first + 4 * thread_x() + j);
        scores[i][j] *= shape.scale * kLog2E;
      }
    softmax.weigh(seen, scores, shrink);
    for (int i = 0; i < 4; ++i)
      for (int j = 0; j < 4; ++j) shared.weights[4 * thread_x() + j][4 * thread_y() + i] = scores[i][j];
    for (int i = 0; i < 4; ++i)
      for (float& sum : sums[i]) sum *= shrink[i];
    add_weighted<Width>(values, first, column, shared, sums);
  }
  float factors[4];
  for (int i = 0; i < 4; ++i) {
    const float sum = over_row(softmax.sum[i], Sum{});
    factors[i] = 1.0F / sum;
    if (column == 0 && thread_x() == 0 && row + i < shape.length)
      log_sum_exp[(place.sequence * shape.length + row + i) * shape.heads + place.head] =
          softmax.reference[i] * kLn2 + logf(sum);
  }
  store<Width>(sums, factors, rows_of_head(output, shape, place.sequence, place.head), place.first, column);
}

}  // namespace

void compute(const Attention& op, CudaContext& context) {
  const AttentionShape shape = shape_of(op.query, op.key, op.sequence, op.scale, op.window);
  for_dtype(op.query, [&](auto type) {
    for_width(shape.size, [&](auto width) {
      using T = decltype(type);
      constexpr int kWidth = decltype(width)::value;
      launch(context, forward<kWidth, T>, grid_of(shape, shape.heads, kWidth), kThreads, shape,
             heads_of<const T>(op.query), heads_of<const T>(op.key), heads_of<const T>(op.value),
             heads_of<T>(op.output), data_of<float>(op.log_sum_exp));
    });
  });
}

}  // namespace scalebench::cuda::plain
