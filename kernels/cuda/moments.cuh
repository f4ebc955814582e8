// What a warp does with a block of kMomentBlock elements of AdamW's state: eight elements a lane, read and written N at
// a time, and the moments in their dtype.
#pragma once

#include "base/moments.hpp"
#include "base/random.hpp"
#include "kernels/cuda/cells.cuh"

namespace scalebench::cuda {

inline constexpr int kElements = static_cast<int>(kMomentBlock) / kWarp;  // of a lane

// Flat memory with one numbering of its elements, from the block `first_block` of the launch on.
struct Piece {
  const float* gradient;
  float* master;
  void* copy;  // of 16 bits
  void *moment1, *moment2;
  float *scale1, *scale2;
  std::int64_t count, first_block;
  std::uint64_t stream;
  std::int64_t first, width, pitch, skip;  // of ElementRun
};

// A block of a piece as one lane sees it.
struct MomentBlock {
  const Piece& piece;
  std::int64_t number;  // in the piece
  int lane;
  template <int N>
  __device__ std::int64_t pack(int i) const {
    return number * kMomentBlock + (i * kWarp + lane) * N;
  }
};

// What lies behind the end is 0.
template <int N, class T>
__device__ void load_block(const MomentBlock& block, const T* from, float (&to)[kElements]) {
  for (int i = 0; i < kElements / N; ++i) {
    const std::int64_t at = block.pack<N>(i);
    if (at + N <= block.piece.count) {
      const auto values = load<N>(from + at);
      for (int j = 0; j < N; ++j) to[i * N + j] = to_float(values.at[j]);
    } else {
      for (int j = 0; j < N; ++j) to[i * N + j] = at + j < block.piece.count ? to_float(from[at + j]) : 0.0F;
    }
  }
}

// to[...] = value(i), of the lane's elements.
template <int N, class T, class Value>
__device__ void store_block(const MomentBlock& block, T* to, const Value& value) {
  for (int i = 0; i < kElements / N; ++i) {
    const std::int64_t at = block.pack<N>(i);
    Pack<T, N> values;
    for (int j = 0; j < N; ++j) values.at[j] = value(i * N + j);
    if (at + N <= block.piece.count)
      store(to + at, values);
    else
      for (int j = 0; j < N; ++j)
        if (at + j < block.piece.count) to[at + j] = values.at[j];
  }
}

// The generator's bits for each of the lane's elements: one division a pack, and none where rows lie together.
template <int N>
__device__ void draw(const MomentBlock& block, std::uint64_t key, std::uint32_t (&to)[kElements]) {
  const Piece& piece = block.piece;
  for (int i = 0; i < kElements / N; ++i) {
    const std::int64_t at = piece.skip + block.pack<N>(i);
    const std::int64_t row = piece.pitch == piece.width ? 0 : at / piece.width;
    std::int64_t column = at - row * piece.width, number = piece.first + row * piece.pitch + column;
    for (int j = 0; j < N; ++j) {
      to[i * N + j] = static_cast<std::uint32_t>(random_bits(key, static_cast<std::uint64_t>(number)) >> 48);
      ++number;
      if (++column == piece.width) column = 0, number += piece.pitch - piece.width;
    }
  }
}

struct Largest {
  __device__ std::uint32_t operator()(std::uint32_t a, std::uint32_t b) const { return a > b ? a : b; }
};

template <int N>
__device__ void load_e4m3(const MomentBlock& block, const E4m3* from, const float* scales, float (&to)[kElements]) {
  load_block<N>(block, from, to);
  const float scale = scales[block.number];
  for (float& x : to) x *= scale;
}

// What is above 0 is `least` at least.
template <int N>
__device__ void store_e4m3(const MomentBlock& block, E4m3* to, float* scales, const float (&from)[kElements],
                           std::uint8_t least) {
  std::uint32_t largest = 0;  // as bits numbers of one sign are in their order, a NaN behind them
  for (const float x : from) largest = Largest{}(largest, __float_as_uint(x) & 0x7FFFFFFFU);
  const float scale = moment_scale(over_warp(largest, Largest{}));
  store_block<N>(block, to, [&](int i) {
    const std::uint8_t code = code_of<kE4m3>(from[i] / scale);
    return E4m3{code == 0 && from[i] > 0 ? least : code};
  });
  if (block.lane == 0) scales[block.number] = scale;
}

template <class T, int N>
__device__ void load_moments(const MomentBlock& block, float (&first)[kElements], float (&second)[kElements]) {
  const auto *const from1 = static_cast<const T*>(block.piece.moment1), *const from2 =
                                                                            static_cast<const T*>(block.piece.moment2);
  if constexpr (std::is_same_v<T, E4m3>) {
    load_e4m3<N>(block, from1, block.piece.scale1, first);
    load_e4m3<N>(block, from2, block.piece.scale2, second);
  } else {
    load_block<N>(block, from1, first);
    load_block<N>(block, from2, second);
  }
}

template <class T, int N>
__device__ void store_moments(const MomentBlock& block, std::uint64_t seed, std::int32_t step,
                              const float (&first)[kElements], const float (&second)[kElements]) {
  auto *const to1 = static_cast<T*>(block.piece.moment1), *const to2 = static_cast<T*>(block.piece.moment2);
  if constexpr (std::is_same_v<T, E4m3>) {
    store_e4m3<N>(block, to1, block.piece.scale1, first, 0);
    store_e4m3<N>(block, to2, block.piece.scale2, second, 1);
  } else {
    store_block<N>(block, to1, [&](int i) { return from_float<T>(first[i]); });
    if constexpr (std::is_same_v<T, Bf16>) {
      std::uint32_t random[kElements];
      draw<N>(block, random_bits(random_bits(seed, block.piece.stream), static_cast<std::uint64_t>(step)), random);
      store_block<N>(block, to2, [&](int i) { return Bf16{bf16_at_random(second[i], random[i])}; });
    } else {
      store_block<N>(block, to2, [&](int i) { return second[i]; });
    }
  }
}

}  // namespace scalebench::cuda
