// Products of attention on tensor cores: 128 threads, of whose four warps each has 16 rows of a tile of 64. In
// accumulators [n][4], lane l has the columns 8 n + 2 (l mod 4) and the next of rows l / 4 and l / 4 + 8.
#pragma once

#include "kernels/cuda/attention_shape.cuh"
#include "kernels/cuda/launch.cuh"
#include "kernels/cuda/mma.cuh"

namespace scalebench::cuda::tensor_core {

inline constexpr int kRows = 64, kThreads = 128, kWarpRows = 16;

// Rows of a head in shared memory, 16 bytes further apart than they are long: eight of them lie in different banks.
template <class T, int Size, int Count>
struct alignas(16) Tile {
  T at[Count][Size + 8];
};

__device__ inline int lane() { return static_cast<int>(threadIdx.x) % kWarp; }
__device__ inline int warp_row() { return static_cast<int>(threadIdx.x) / kWarp * kWarpRows; }
// Of an accumulator's element in the warp's rows, in the tile's columns.
__device__ inline int row_of(int element) { return lane() / 4 + element / 2 * 8; }
__device__ inline int column_of(int n, int element) { return 8 * n + lane() % 4 * 2 + element % 2; }

// Which queries of a tile see which keys of another, by their numbers in the tiles.
struct Visible {
  int ahead;  // of the first query before the first key
  unsigned window;
  __device__ Visible(const AttentionShape& shape, std::int64_t query, std::int64_t key)
      : ahead(static_cast<int>(query - key)), window(static_cast<unsigned>(shape.window)) {}
  __device__ bool operator()(int query, int key) const { return static_cast<unsigned>(ahead + query - key) < window; }
};

// Begins to copy the rows from `first` on; zeros where there are none.
template <class T, int Size, int Count>
__device__ void begin_tile(const HeadRows<const T>& rows, std::int64_t first, Tile<T, Size, Count>& tile) {
  constexpr int kPacks = Size / 8;
  static_assert(Count * kPacks % kThreads == 0);
  const int column = static_cast<int>(threadIdx.x) % kPacks * 8;
#pragma unroll
  for (int i = static_cast<int>(threadIdx.x) / kPacks; i < Count; i += kThreads / kPacks) {
    const bool there = first + i < rows.count;
    begin_copy(&tile.at[i][column], rows.data + (there ? (first + i) * rows.pitch : 0) + column, there);
  }
}

// The warp's rows of a tile as the first operand, 16 columns from 16 `step` on.
template <class T, int Size, int Count>
__device__ void load_first(const Tile<T, Size, Count>& tile, int step, unsigned (&to)[4]) {
  load_matrices(&tile.at[warp_row() + lane() % 16][step * 16 + lane() / 16 * 8], to);
}

// scores [16, Count] = rows of a times rows of b; first(step, to) loads 16 columns of a. Unrolled less, it needs fewer
// registers.
template <int Size, int Count, int Unrolled = Size / 16, class T, class First>
__device__ void multiply(const First& first, const Tile<T, Size, Count>& b, float (&scores)[Count / 8][4]) {
#pragma unroll
  for (auto& part : scores)
    for (float& score : part) score = 0;
#pragma unroll Unrolled
  for (int step = 0; step < Size / 16; ++step) {
    unsigned x[4];
    first(step, x);
#pragma unroll
    for (int n = 0; n < Count / 16; ++n) {
      unsigned y[4];
      load_matrices(&b.at[n * 16 + lane() / 16 * 8 + lane() % 8][step * 16 + lane() / 8 % 2 * 8], y);
      multiply_add<T>(scores[2 * n], x, y[0], y[1]);
      multiply_add<T>(scores[2 * n + 1], x, y[2], y[3]);
    }
  }
}

// sums [16, Size] += weights [16, Count] rows [Count, Size]
template <int Size, int Count, class T>
__device__ void add_weighted(const float (&weights)[Count / 8][4], const Tile<T, Size, Count>& rows,
                             float (&sums)[Size / 8][4]) {
#pragma unroll
  for (int step = 0; step < Count / 16; ++step) {
    const auto& left = weights[2 * step];
    const auto& right = weights[2 * step + 1];
    const unsigned x[4] = {two_of<T>(left[0], left[1]), two_of<T>(left[2], left[3]), two_of<T>(right[0], right[1]),
                           two_of<T>(right[2], right[3])};
#pragma unroll
    for (int n = 0; n < Size / 16; ++n) {
      unsigned y[4];
      load_transposed(&rows.at[step * 16 + lane() % 16][n * 16 + lane() / 16 * 8], y);
      multiply_add<T>(sums[2 * n], x, y[0], y[1]);
      multiply_add<T>(sums[2 * n + 1], x, y[2], y[3]);
    }
  }
}

// rows[first + .] = sums, row by row times its factor; through the warp's rows of a tile that nobody reads any more.
template <int Size, class T>
__device__ void store(const float (&sums)[Size / 8][4], const float (&factors)[2], Tile<T, Size, kRows>& tile,
                      const HeadRows<T>& rows, std::int64_t first) {
#pragma unroll
  for (int n = 0; n < Size / 8; ++n)
#pragma unroll
    for (int i = 0; i < 4; i += 2)
      *reinterpret_cast<Pack<T, 2>*>(&tile.at[warp_row() + row_of(i)][column_of(n, i)]) =
          std::bit_cast<Pack<T, 2>>(two_of<T>(sums[n][i] * factors[i / 2], sums[n][i + 1] * factors[i / 2]));
  __syncwarp();
  constexpr int kPacks = Size / 8;
  const int column = lane() % kPacks * 8;
  for (int i = lane() / kPacks; i < kWarpRows; i += kWarp / kPacks) {
    const std::int64_t row = first + warp_row() + i;
    if (row < rows.count)
      *reinterpret_cast<Pack<T>*>(rows.data + row * rows.pitch + column) =
          *reinterpret_cast<const Pack<T>*>(&tile.at[warp_row() + i][column]);
  }
}

// Over the four lanes that share rows.
template <class Combine>
__device__ float over_row(float value, Combine combine) {
  for (int offset = 2; offset > 0; offset /= 2) value = combine(value, __shfl_xor_sync(kAllLanes, value, offset));
  return value;
}

// Calls body(std::integral_constant of the head size, Bf16{} or Half{}).
template <class Body>
void for_size_and_dtype(std::int64_t size, DType dtype, const Body& body) {
  const auto with = [&](auto type) {
    if (size == 64) return body(std::integral_constant<int, 64>{}, type);
    body(std::integral_constant<int, 128>{}, type);
  };
  if (dtype == DType::f16) return with(Half{});
  with(Bf16{});
}

inline dim3 grid_of(const AttentionShape& shape, std::int64_t heads) {
  return {blocks_for(shape.blocks(kRows) * shape.sequences * heads, 1)};
}

}  // namespace scalebench::cuda::tensor_core
