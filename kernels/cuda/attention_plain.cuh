// Products of 64 x 64 tiles for attention of any head size in fp32 arithmetic: 256 threads, [16, 16], of which each
// holds 4 x 4 scores.
#pragma once

#include "kernels/cuda/attention_shape.cuh"
#include "kernels/cuda/launch.cuh"

namespace scalebench::cuda::plain {

inline constexpr int kTile = 64, kThreads = 256;
inline constexpr int kDepth = 32;         // columns of two tiles that are in shared memory at once
inline constexpr int kPitch = kTile + 4;  // of rows in shared memory: 16-byte accesses, spread over its banks

using Four = Pack<float, 4>;
using Scores = float[4][4];

struct alignas(16) Shared {
  float panels[2][kDepth][kPitch];
  float weights[kTile][kPitch];
};

__device__ inline int thread_y() { return static_cast<int>(threadIdx.x) / 16; }
__device__ inline int thread_x() { return static_cast<int>(threadIdx.x) % 16; }
__device__ inline Four four(const float* from) { return *reinterpret_cast<const Four*>(from); }

template <class T>
__device__ float element(const HeadRows<T>& rows, std::int64_t row, std::int64_t column) {
  return row < rows.count && column < rows.size ? to_float(rows.data[row * rows.pitch + column]) : 0.0F;
}

// scores[i][j] = row first_a + 4 y + i of a times row first_b + 4 x + j of b.
template <class T>
__device__ void multiply(const HeadRows<T>& a, std::int64_t first_a, const HeadRows<T>& b, std::int64_t first_b,
                         Shared& shared, Scores& scores) {
  for (auto& row : scores)
    for (float& score : row) score = 0;
  for (std::int64_t column = 0; column < a.size; column += kDepth) {
    __syncthreads();
#pragma unroll 2
    for (int i = static_cast<int>(threadIdx.x); i < kTile * kDepth; i += kThreads) {
      shared.panels[0][i % kDepth][i / kDepth] = element(a, first_a + i / kDepth, column + i % kDepth);
      shared.panels[1][i % kDepth][i / kDepth] = element(b, first_b + i / kDepth, column + i % kDepth);
    }
    __syncthreads();
#pragma unroll 8
    for (int depth = 0; depth < kDepth; ++depth) {
      const Four x = four(shared.panels[0][depth] + 4 * thread_y()), y = four(shared.panels[1][depth] + 4 * thread_x());
      for (int i = 0; i < 4; ++i)
        for (int j = 0; j < 4; ++j) scores[i][j] += x.at[i] * y.at[j];
    }
  }
}

// The threads' columns of a part of Width columns: four beside each other, and again 64 further.
template <int Width>
using Sums = float[4][Width / 16];

// sums[i][.] += over 64 rows: shared.weights[row][4 y + i] rows[first + row][column + .]
template <int Width, class T>
__device__ void add_weighted(const HeadRows<T>& rows, std::int64_t first, std::int64_t column, Shared& shared,
                             Sums<Width>& sums) {
  constexpr int kStep = 16;
  static_assert(kStep * Width <= 2 * kDepth * kPitch);
  float* const part = shared.panels[0][0];
  for (int begin = 0; begin < kTile; begin += kStep) {
    __syncthreads();
#pragma unroll 2
    for (int i = static_cast<int>(threadIdx.x); i < kStep * Width; i += kThreads)
      part[i] = element(rows, first + begin + i / Width, column + i % Width);
    __syncthreads();
#pragma unroll 4
    for (int row = 0; row < kStep; ++row) {
      const Four weights = four(shared.weights[begin + row] + 4 * thread_y());
      for (int j = 0; j < Width / 64; ++j) {
        const Four values = four(part + row * Width + 64 * j + 4 * thread_x());
        for (int i = 0; i < 4; ++i)
          for (int c = 0; c < 4; ++c) sums[i][4 * j + c] += weights.at[i] * values.at[c];
      }
    }
  }
}

// rows[first + 4 y + i][column + .] = sums[i][.] * factors[i]
template <int Width, class T>
__device__ void store(const Sums<Width>& sums, const float (&factors)[4], const HeadRows<T>& rows, std::int64_t first,
                      std::int64_t column) {
  for (int i = 0; i < 4; ++i)
    for (int j = 0; j < Width / 16; ++j) {
      const std::int64_t row = first + 4 * thread_y() + i, at = column + j / 4 * 64 + 4 * thread_x() + j % 4;
      if (row < rows.count && at < rows.size) rows.data[row * rows.pitch + at] = from_float<T>(sums[i][j] * factors[i]);
    }
}

// Over the 16 threads that share rows.
template <class Combine>
__device__ float over_row(float value, Combine combine) {
  for (int offset = 8; offset > 0; offset /= 2) value = combine(value, __shfl_xor_sync(kAllLanes, value, offset));
  return value;
}

// Calls body(std::integral_constant of the columns that a block of the grid has): the head's, in parts of at most 128.
template <class Body>
void for_width(std::int64_t size, const Body& body) {
  if (size <= 64) return body(std::integral_constant<int, 64>{});
  body(std::integral_constant<int, 128>{});
}

inline dim3 grid_of(const AttentionShape& shape, std::int64_t heads, int width) {
  return {blocks_for(shape.blocks(kTile) * shape.sequences * heads, 1), blocks_for(shape.size, width), 1};
}

}  // namespace scalebench::cuda::plain
