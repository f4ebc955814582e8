#include "kernels/cuda/column_sums.hpp"
#include "kernels/cuda/launch.cuh"

namespace scalebench::cuda {

namespace {

constexpr int kSide = 32;  // columns of a block, and its warps

__global__ void add(const float* partials, std::int64_t rows, std::int64_t columns, float* to) {
  __shared__ float of_warp[kSide][kSide + 1];
  const int warp = static_cast<int>(threadIdx.x) / kWarp, lane = static_cast<int>(threadIdx.x) % kWarp;
  const std::int64_t first = static_cast<std::int64_t>(blockIdx.x) * kSide, column = first + lane;
  float sum = 0;
  if (column < columns)
#pragma unroll 8
    for (std::int64_t row = warp; row < rows; row += kSide) sum += partials[row * columns + column];
  of_warp[warp][lane] = sum;
  __syncthreads();
  const float whole = over_warp(of_warp[lane][warp]);  // of column `warp` of the block
  if (lane == 0 && first + warp < columns) to[first + warp] += whole;
}

}  // namespace

void add_columns(const float* partials, std::int64_t rows, std::int64_t columns, float* to, CudaContext& context) {
  launch(context, add, blocks_for(columns, kSide), kSide * kWarp, partials, rows, columns, to);
}

}  // namespace scalebench::cuda
