// Gradients of attention on tensor cores, bf16 and fp16. A block of 64 keys meets all blocks of queries that see it,
// and a block of 64 queries all blocks of keys that it sees: each sum is one warp's, in one order. The products of both
// are the same, the sides changed: weights of x's rows come from a, their gradients from b and y.
#include "kernels/cuda/attention.hpp"
#include "kernels/cuda/attention_mma.cuh"
#include "kernels/cuda/attention_row_numbers.cuh"

namespace scalebench::cuda::tensor_core {

namespace {

// Rows of x and y at once: as many as registers hold beside the sums.
template <int Size>
constexpr int kMoving = Size == 64 ? 64 : 32;

template <int Size, class T>
struct Shared {
  Tile<T, Size, kRows> a, b;                // keys and values, or queries and d_output
  Tile<T, Size, kMoving<Size>> x[2], y[2];  // queries and d_output, or keys and values: this step's, the next one's
};

template <class T>
struct Operands {
  Heads<const T> query, key, value, d_output;
  AllRowNumbers numbers;
};

// Begins to copy the rows of two tensors from `row` on.
template <class T, int Size, int Count>
__device__ void begin_pair(const AttentionShape& shape, const Heads<const T>& x, const Heads<const T>& y,
                           std::int64_t sequence, std::int64_t head, std::int64_t row, Tile<T, Size, Count>& to_x,
                           Tile<T, Size, Count>& to_y) {
  begin_tile(rows_of_head(x, shape, sequence, head), row, to_x);
  begin_tile(rows_of_head(y, shape, sequence, head), row, to_y);
}

// The warp's rows of a tile times all rows of another.
template <int Size, int Count, class T>
__device__ void multiply_tiles(const Tile<T, Size, kRows>& a, const Tile<T, Size, Count>& b,
                               float (&scores)[Count / 8][4]) {
  multiply<Size, Count, 2>([&](int step, unsigned(&to)[4]) { load_first(a, step, to); }, b, scores);
}

template <int Size, class T>
__global__ void __launch_bounds__(kThreads)
    of_keys(AttentionShape shape, Operands<T> operands, Heads<T> d_key, Heads<T> d_value) {
  constexpr int kCount = kMoving<Size>;
  auto& shared = dynamic_shared<Shared<Size, T>>();
  const AttentionPlace place(shape, shape.kv_heads, kRows, false);
  const std::int64_t end = shape.end_query(place.first + kRows - 1);
  const int steps_each = static_cast<int>((end - place.first + kCount - 1) / kCount);
  const int steps = steps_each * static_cast<int>(shape.group());
  const float scale = shape.scale * kLog2E;
  const auto begin = [&](int step) {
    if (step < steps)
      begin_pair(shape, operands.query, operands.d_output, place.sequence,
                 place.head * shape.group() + step / steps_each, place.first + step % steps_each * kCount,
                 shared.x[step % 2], shared.y[step % 2]);
    end_group();
  };
  begin_pair(shape, operands.key, operands.value, place.sequence, place.head, place.first, shared.a, shared.b);
  begin(0);
  float of_key[Size / 8][4] = {}, of_value[Size / 8][4] = {};
  for (int step = 0; step < steps; ++step) {
    begin(step + 1);
    wait_for_copies<1>();
    __syncthreads();
    const int query = step % steps_each * kCount;  // from the first key on
    const Visible visible(shape, query, warp_row());
    const RowNumbers* const numbers =
        operands.numbers.at(shape, place.sequence, place.head * shape.group() + step / steps_each) + place.first +
        query;
    float weights[kCount / 8][4], gradients[kCount / 8][4];  // [keys, queries]
    multiply_tiles<Size, kCount>(shared.a, shared.x[step % 2], weights);
#pragma unroll
    for (int n = 0; n < kCount / 8; ++n)
      for (int i = 0; i < 4; ++i)
        weights[n][i] = visible(column_of(n, i), row_of(i))
                            ? power_of_two(weights[n][i] * scale - numbers[column_of(n, i)].reference)
                            : 0.0F;
    add_weighted<Size, kCount>(weights, shared.y[step % 2], of_value);
    multiply_tiles<Size, kCount>(shared.b, shared.y[step % 2], gradients);
#pragma unroll
    for (int n = 0; n < kCount / 8; ++n)
      for (int i = 0; i < 4; ++i) weights[n][i] *= gradients[n][i] - numbers[column_of(n, i)].delta;
    add_weighted<Size, kCount>(weights, shared.x[step % 2], of_key);
    __syncthreads();  // nobody reads this step's rows any more
  }
  const float scales[2] = {shape.scale, shape.scale}, ones[2] = {1, 1};
  store<Size>(of_key, scales, shared.a, rows_of_head(d_key, shape, place.sequence, place.head), place.first);
  store<Size>(of_value, ones, shared.b, rows_of_head(d_value, shape, place.sequence, place.head), place.first);
}

template <int Size, class T>
__global__ void __launch_bounds__(kThreads) of_queries(AttentionShape shape, Operands<T> operands, Heads<T> d_query) {
  constexpr int kCount = kMoving<Size>;
  auto& shared = dynamic_shared<Shared<Size, T>>();
  const AttentionPlace place(shape, shape.heads, kRows, true);
  const std::int64_t first = shape.first_key(place.first) / kCount * kCount;
  const int steps = static_cast<int>((min(place.first + kRows, shape.length) - first + kCount - 1) / kCount);
  const float scale = shape.scale * kLog2E;
  const auto begin = [&](int step) {
    if (step < steps)
      begin_pair(shape, operands.key, operands.value, place.sequence, place.head / shape.group(), first + step * kCount,
                 shared.x[step % 2], shared.y[step % 2]);
    end_group();
  };
  begin_pair(shape, operands.query, operands.d_output, place.sequence, place.head, place.first, shared.a, shared.b);
  begin(0);
  const std::int64_t query = place.first + warp_row();
  const RowNumbers* const all = operands.numbers.at(shape, place.sequence, place.head) + query;
  const RowNumbers numbers[2] = {all[row_of(0)], all[row_of(2)]};
  float sums[Size / 8][4] = {};
  for (int step = 0; step < steps; ++step) {
    begin(step + 1);
    wait_for_copies<1>();
    __syncthreads();
    const Visible visible(shape, query, first + step * kCount);
    float weights[kCount / 8][4], gradients[kCount / 8][4];
    multiply_tiles<Size, kCount>(shared.a, shared.x[step % 2], weights);
    multiply_tiles<Size, kCount>(shared.b, shared.y[step % 2], gradients);
#pragma unroll
    for (int n = 0; n < kCount / 8; ++n)
      for (int i = 0; i < 4; ++i)
        weights[n][i] = visible(row_of(i), column_of(n, i))
                            ? power_of_two(weights[n][i] * scale - numbers[i / 2].reference) *
                                  (gradients[n][i] - numbers[i / 2].delta)
                            : 0.0F;
    add_weighted<Size, kCount>(weights, shared.x[step % 2], sums);
    __syncthreads();  // nobody reads this step's rows any more
  }
  const float scales[2] = {shape.scale, shape.scale};
  store<Size>(sums, scales, shared.a, rows_of_head(d_query, shape, place.sequence, place.head), place.first);
}

}  // namespace

void compute(const AttentionBackward& op, CudaContext& context) {
  const AttentionShape shape = shape_of(op.query, op.key, op.sequence, op.scale, op.window);
  for_size_and_dtype(shape.size, op.query.dtype(), [&]<class T>(auto size, T) {
    constexpr int kSize = decltype(size)::value;
    const Operands<T> operands{heads_of<const T>(op.query), heads_of<const T>(op.key), heads_of<const T>(op.value),
                               heads_of<const T>(op.d_output), launch_row_numbers<T, 4>(shape, op, context)};
    launch_with(context, sizeof(Shared<kSize, T>), of_keys<kSize, T>, grid_of(shape, shape.kv_heads), kThreads, shape,
                operands, heads_of<T>(op.d_key), heads_of<T>(op.d_value));
    launch_with(context, sizeof(Shared<kSize, T>), of_queries<kSize, T>, grid_of(shape, shape.heads), kThreads, shape,
                operands, heads_of<T>(op.d_query));
  });
}

}  // namespace scalebench::cuda::tensor_core
