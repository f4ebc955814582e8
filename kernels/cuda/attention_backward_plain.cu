// Gradients of attention of any head size, fp32 or bf16: one kernel over blocks of keys, one over blocks of queries, so
// that each sum is one thread's, in one order.
#include "kernels/cuda/attention.hpp"
#include "kernels/cuda/attention_plain.cuh"
#include "kernels/cuda/attention_row_numbers.cuh"

namespace scalebench::cuda::plain {

namespace {

template <class T>
struct Operands {
  Heads<const T> query, key, value, d_output;
  AllRowNumbers numbers;
};

// One query head of one sequence, and the keys that it sees.
template <class T>
struct Head {
  HeadRows<const T> query, key, value, d_output;
  const RowNumbers* numbers;  // padded

  __device__ Head(const Operands<T>& of, const AttentionShape& shape, std::int64_t sequence, std::int64_t head)
      : query(rows_of_head(of.query, shape, sequence, head)),
        key(rows_of_head(of.key, shape, sequence, head / shape.group())),
        value(rows_of_head(of.value, shape, sequence, head / shape.group())),
        d_output(rows_of_head(of.d_output, shape, sequence, head)),
        numbers(of.numbers.at(shape, sequence, head)) {}

  // Of queries from `row` on and keys from `first` on.
  __device__ void weigh(const AttentionShape& shape, std::int64_t row, std::int64_t first, Shared& shared,
                        Scores& weights) const {
    multiply(query, row, key, first, shared, weights);
    for (int i = 0; i < 4; ++i) {
      const std::int64_t at = row + 4 * thread_y() + i;
      const float reference = numbers[at].reference;
      for (int j = 0; j < 4; ++j) {
        const bool seen = at < shape.length && shape.sees(at, first + 4 * thread_x() + j);
        weights[i][j] = seen ? exp2f(weights[i][j] * (shape.scale * kLog2E) - reference) : 0.0F;
      }
    }
  }
  // The scores' gradients in place of their weights.
  __device__ void differentiate(const AttentionShape& shape, std::int64_t row, std::int64_t first, Shared& shared,
                                Scores& weights) const {
    Scores gradients;
    multiply(d_output, row, value, first, shared, gradients);
    for (int i = 0; i < 4; ++i) {
      const float delta = numbers[row + 4 * thread_y() + i].delta;
      for (int j = 0; j < 4; ++j) weights[i][j] *= (gradients[i][j] - delta) * shape.scale;
    }
  }
};

template <int Width, class T>
__global__ void __launch_bounds__(kThreads)
    of_keys(AttentionShape shape, Operands<T> operands, Heads<T> d_key, Heads<T> d_value) {
  __shared__ Shared shared;
  const AttentionPlace place(shape, shape.kv_heads, kTile, false);
  const std::int64_t column = static_cast<std::int64_t>(blockIdx.y) * Width, last = place.first + kTile - 1;
  const std::int64_t end = shape.end_query(last);
  constexpr float kOnes[4] = {1, 1, 1, 1};
  Sums<Width> of_key = {}, of_value = {};
  const auto keep = [&](const Scores& scores) {  // [queries, keys]
    for (int i = 0; i < 4; ++i)
      for (int j = 0; j < 4; ++j) shared.weights[4 * thread_y() + i][4 * thread_x() + j] = scores[i][j];
  };
  for (std::int64_t member = 0; member < shape.group(); ++member) {
    const Head<T> head(operands, shape, place.sequence, place.head * shape.group() + member);
    for (std::int64_t row = place.first; row < end; row += kTile) {
      Scores scores;
      head.weigh(shape, row, place.first, shared, scores);
      keep(scores);
      add_weighted<Width>(head.d_output, row, column, shared, of_value);
      head.differentiate(shape, row, place.first, shared, scores);
      keep(scores);
      add_weighted<Width>(head.query, row, column, shared, of_key);
    }
  }
  store<Width>(of_key, kOnes, rows_of_head(d_key, shape, place.sequence, place.head), place.first, column);
  store<Width>(of_value, kOnes, rows_of_head(d_value, shape, place.sequence, place.head), place.first, column);
}

template <int Width, class T>
__global__ void __launch_bounds__(kThreads) of_queries(AttentionShape shape, Operands<T> operands, Heads<T> d_query) {
  __shared__ Shared shared;
  const AttentionPlace place(shape, shape.heads, kTile, true);
  const std::int64_t column = static_cast<std::int64_t>(blockIdx.y) * Width;
  const Head<T> head(operands, shape, place.sequence, place.head);
  constexpr float kOnes[4] = {1, 1, 1, 1};
  Sums<Width> sums = {};
  for (std::int64_t first = shape.first_key(place.first) / kTile * kTile;
       first < place.first + kTile && first < shape.length; first += kTile) {
    Scores scores;
    head.weigh(shape, place.first, first, shared, scores);
    head.differentiate(shape, place.first, first, shared, scores);
    for (int i = 0; i < 4; ++i)
      for (int j = 0; j < 4; ++j) shared.weights[4 * thread_x() + j][4 * thread_y() + i] = scores[i][j];
    add_weighted<Width>(head.key, first, column, shared, sums);
  }
  store<Width>(sums, kOnes, rows_of_head(d_query, shape, place.sequence, place.head), place.first, column);
}

}  // namespace

void compute(const AttentionBackward& op, CudaContext& context) {
  const AttentionShape shape = shape_of(op.query, op.key, op.sequence, op.scale, op.window);
  for_dtype(op.query, [&](auto type) {
    for_width(shape.size, [&](auto width) {
      using T = decltype(type);
      constexpr int kWidth = decltype(width)::value;
      const Operands<T> operands{heads_of<const T>(op.query), heads_of<const T>(op.key), heads_of<const T>(op.value),
                                 heads_of<const T>(op.d_output), launch_row_numbers<T, 1>(shape, op, context)};
      launch(context, of_keys<kWidth, T>, grid_of(shape, shape.kv_heads, kWidth), kThreads, shape, operands,
             heads_of<T>(op.d_key), heads_of<T>(op.d_value));
      launch(context, of_queries<kWidth, T>, grid_of(shape, shape.heads, kWidth), kThreads, shape, operands,
             heads_of<T>(op.d_query));
    });
  });
}

}  // namespace scalebench::cuda::plain
