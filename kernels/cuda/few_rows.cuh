// Products of few rows of bf16 with weights [n, k] of any payload: each weight is read once, which is what takes the
// time, and widened in registers on its way to the tensor cores, which would wait for memory in any case.
//
// c' = weights a': a warp has 16 rows of weights. Its lanes read 16 bytes each, four lanes beside each other in a row;
// as a sum over k may be taken in any order, these are the fragments of mma.m16n8k16 as they come: of the four words of
// 8 numbers the first two make one product, the others the next, and the words of `a` at the same places go with them.
// The warps of a block take turns along k. So the order of a sum depends on n and k alone.
#pragma once

#include "kernels/cuda/launch.cuh"
#include "kernels/cuda/mma.cuh"
#include "kernels/cuda/payload.cuh"

namespace scalebench::cuda {

inline constexpr int kFewRows = 16;   // of a, at most
inline constexpr int kTileRows = 16;  // of weights
inline constexpr int kMostWarps = 8;  // of a block

template <class W, class T>
struct FewRows {
  Rows<const Bf16> a;
  Rows<const W> weights;
  const float* scales;  // of the rows of weights; null: 1
  Rows<T> c;
};

// Tiles of 8 rows of a.
template <class W, class T, int Tiles, bool Packed>
__global__ void __launch_bounds__(kMostWarps* kWarp, 2) multiply_few(FewRows<W, T> op) {
  constexpr int kCount = static_cast<int>(sizeof(Words) / sizeof(W)), kStep = 4 * kCount;
  constexpr int kAtOnce = Packed ? 4 : 1;  // reads of a row that are under way
  const int thread = static_cast<int>(threadIdx.x), warp = thread / kWarp, lane = thread % kWarp;
  const int warps = static_cast<int>(blockDim.x) / kWarp, group = lane / 4;
  const std::int64_t first = static_cast<std::int64_t>(blockIdx.x) * kTileRows, n = op.c.width, k = op.a.width;
  const W* const upper = op.weights[min(first + group, n - 1)];
  const W* const lower = op.weights[min(first + group + 8, n - 1)];
  float sums[Tiles][4] = {};
  for (std::int64_t begin = warp * kAtOnce * kStep; begin < k; begin += warps * kAtOnce * kStep) {
    const std::int64_t mine = begin + lane % 4 * kCount;
    Words of_upper[kAtOnce], of_lower[kAtOnce];
#pragma unroll
    for (int u = 0; u < kAtOnce; ++u) {
      of_upper[u] = read_words<Packed>(upper, mine + u * kStep, k);
      of_lower[u] = read_words<Packed>(lower, mine + u * kStep, k);
    }
#pragma unroll
    for (int u = 0; u < kAtOnce; ++u) {
      unsigned pairs_upper[kCount / 2], pairs_lower[kCount / 2];
      pairs_of(of_upper[u], pairs_upper, W{});
      pairs_of(of_lower[u], pairs_lower, W{});
#pragma unroll
      for (int tile = 0; tile < Tiles; ++tile) {
        const std::int64_t row = tile * 8 + group;
#pragma unroll
        for (int i = 0; i < kCount / 8; ++i) {
          const Words x = row < op.a.count ? read_words<Packed>(op.a[row], mine + u * kStep + 8 * i, k) : Words{};
#pragma unroll
          for (int j = 0; j < 2; ++j) {
            const int at = 4 * i + 2 * j;
            const unsigned both[4] = {pairs_upper[at], pairs_lower[at], pairs_upper[at + 1], pairs_lower[at + 1]};
            multiply_add<Bf16>(sums[tile], both, x.at[2 * j], x.at[2 * j + 1]);
          }
        }
      }
    }
  }
  // Lane l has the rows l / 4 and l / 4 + 8 of weights, of a the rows 2 (l mod 4) and the next of each tile. Rows of a
  // are so far apart that no bank is hit twice.
  __shared__ float of_warp[kMostWarps][8 * Tiles][kTileRows + 4];
#pragma unroll
  for (int tile = 0; tile < Tiles; ++tile)
#pragma unroll
    for (int i = 0; i < 4; ++i) of_warp[warp][tile * 8 + lane % 4 * 2 + i % 2][group + i / 2 * 8] = sums[tile][i];
  __syncthreads();
  for (int i = thread; i < 8 * Tiles * kTileRows; i += warps * kWarp) {
    const std::int64_t row = i / kTileRows, column = first + i % kTileRows;
    if (row >= op.c.count || column >= n) continue;
    float sum = 0;
    for (int w = 0; w < warps; ++w) sum += of_warp[w][row][i % kTileRows];
    op.c[row][column] = from_float<T>(op.scales == nullptr ? sum : sum * op.scales[column]);
  }
}

// Where there are few tiles, more warps share one, so that every multiprocessor has enough reads under way.
template <class W, class T, bool Packed>
void launch_few(const FewRows<W, T>& op, CudaContext& context) {
  const unsigned blocks = blocks_for(op.c.width, kTileRows);
  const int threads =
      kWarp * (static_cast<std::int64_t>(blocks) < 6 * context.multiprocessors() ? kMostWarps : kMostWarps / 2);
  if (op.a.count <= 8)
    launch(context, multiply_few<W, T, 1, Packed>, blocks, threads, op);
  else
    launch(context, multiply_few<W, T, 2, Packed>, blocks, threads, op);
}

}  // namespace scalebench::cuda
