// Rows that are added to all rows, and their gradients: AddBias, BiasGradient.
#include "kernels/cuda/cells.cuh"
#include "kernels/cuda/compute.hpp"

namespace scalebench::cuda {

namespace {

template <class T, int N>
__global__ void add_bias(Rows<T> values, const T* bias) {
  const std::int64_t first = global_thread() * N;
  Pack<T, N> added{};
  if (first < values.width) added = load<N>(bias + first);
  for_cells<N>(values.count, values.width, [&](std::int64_t row, std::int64_t column) {
    auto here = load<N>(values[row] + column);
    for (int i = 0; i < N; ++i) here.at[i] = from_float<T>(to_float(here.at[i]) + to_float(added.at[i]));
    store(values[row] + column, here);
  });
}

// Blocks along x: columns, N a lane; along y: pieces of `piece` rows, each into its row of `sums`. Warp w adds the rows
// w, w + kWarps, ... of its piece; then their sums are added in order.
constexpr int kWarps = 8;

template <class T, int N>
__global__ void sum_rows(Rows<T> values, std::int64_t piece, float* sums, bool accumulate) {
  __shared__ float of_warp[kWarps][N * kWarp];
  const int warp = static_cast<int>(threadIdx.x) / kWarp, lane = static_cast<int>(threadIdx.x) % kWarp;
  const std::int64_t column = (static_cast<std::int64_t>(blockIdx.x) * kWarp + lane) * N;
  const std::int64_t begin = blockIdx.y * piece, end = min(begin + piece, values.count);
  float sum[N]{};
  if (column < values.width) {
#pragma unroll 4
    for (std::int64_t row = begin + warp; row < end; row += kWarps) {
      const auto read = load<N>(values[row] + column);
      for (int i = 0; i < N; ++i) sum[i] += to_float(read.at[i]);
    }
  }
  for (int i = 0; i < N; ++i) of_warp[warp][i * kWarp + lane] = sum[i];  // lanes beside each other: no bank twice
  __syncthreads();
  for (int at = static_cast<int>(threadIdx.x); at < N * kWarp; at += kWarps * kWarp) {
    const std::int64_t to = static_cast<std::int64_t>(blockIdx.x) * kWarp * N + at % kWarp * N + at / kWarp;
    if (to >= values.width) continue;
    float total = 0;
    for (int w = 0; w < kWarps; ++w) total += of_warp[w][at];
    float& place = sums[blockIdx.y * values.width + to];
    place = accumulate ? place + total : total;
  }
}

template <class T>
void sum_pieces(CudaContext& context, const Rows<T>& values, std::int64_t piece, float* sums, bool accumulate) {
  for_packs<T>(
      [&](auto each) {
        constexpr int kEach = decltype(each)::value;
        const dim3 blocks(blocks_for(values.width, kWarp * kEach), blocks_for(values.count, piece));
        launch(context, sum_rows<T, kEach>, blocks, kWarp * kWarps, values, piece, sums, accumulate);
      },
      values);
}

}  // namespace

void compute(const AddBias& op, CudaContext& context) {
  need(op.bias.count() == op.values.columns(), op.bias, "is not one for each column");
  for_dtype(op.values, [&](auto type) {
    using T = decltype(type);
    const auto values = rows_of<T>(op.values);
    const Rows<T> bias{data_of<T>(op.bias), 1, values.width, values.width};
    for_packs<T>(
        [&](auto each) {
          constexpr int kEach = decltype(each)::value;
          launch(context, add_bias<T, kEach>, cells(context, values.count, values.width, kEach), kCellThreads, values,
                 bias.data);
        },
        values, bias);
  });
}

// The pieces depend on nothing but the rows, so that every GPU adds in the same order: at most 128 of at least 64 rows.
void compute(const BiasGradient& op, CudaContext& context) {
  constexpr std::int64_t kMostPieces = 128, kLeastRows = 64;
  need(op.d_bias.count() == op.d_output.columns(), op.d_bias, "is not one for each column");
  for_dtype(op.d_output, [&](auto type) {
    using T = decltype(type);
    const auto d_output = rows_of<T>(op.d_output);
    const std::int64_t width = d_output.width;
    const std::int64_t piece = std::max(kLeastRows, (d_output.count + kMostPieces - 1) / kMostPieces);
    const std::int64_t pieces = blocks_for(d_output.count, piece);
    auto* const d_bias = data_of<float>(op.d_bias);
    if (pieces <= 1) return sum_pieces(context, d_output, piece, d_bias, true);
    auto* const sums =
        reinterpret_cast<float*>(context.scratch(static_cast<std::size_t>(pieces * width) * sizeof(float)));
    sum_pieces(context, d_output, piece, sums, false);
    sum_pieces(context, Rows<float>{sums, pieces, width, width}, pieces, d_bias, true);
  });
}

}  // namespace scalebench::cuda
