// Weights as they are stored, 16 bytes at a time: fp32 and bf16 numbers of them.
#pragma once

#include "kernels/cuda/numbers.cuh"

namespace scalebench::cuda {

using Words = Pack<std::uint32_t>;  // 16 bytes

// Without conversions of integers, of which a multiprocessor does few: 2^23 + 128 + x as bits, less 2^23 + 128.
__device__ inline void widen_four(std::uint32_t four, float* to) {
  const std::uint32_t shifted = four ^ 0x80808080U;
#pragma unroll
  for (unsigned i = 0; i < 4; ++i) to[i] = __uint_as_float(__byte_perm(shifted, 0x4B000000U, 0x7440U + i)) - 8388736.0F;
}

__device__ inline void widen(const Words& words, float (&to)[16], std::int8_t) {
#pragma unroll
  for (int i = 0; i < 4; ++i) widen_four(words.at[i], to + 4 * i);
}

// A NaN among them is a number here: rows that have one have a scale that is NaN.
__device__ inline void widen(const Words& words, float (&to)[16], E4m3) {
#pragma unroll
  for (int i = 0; i < 4; ++i) {
#if defined(__CUDA_ARCH__) && __CUDA_ARCH__ >= 890
#pragma unroll
    for (int half = 0; half < 2; ++half)
      asm("{ .reg .b32 both; .reg .b16 first, second;"
          " cvt.rn.f16x2.e4m3x2 both, %2; mov.b32 {first, second}, both;"
          " cvt.f32.f16 %0, first; cvt.f32.f16 %1, second; }"
          : "=f"(to[4 * i + 2 * half]), "=f"(to[4 * i + 2 * half + 1])
          : "h"(static_cast<std::uint16_t>(words.at[i] >> (16 * half))));
#else
    // Exponent and mantissa where fp32 has them, and the difference of the biases.
#pragma unroll
    for (int j = 0; j < 4; ++j) {
      const std::uint32_t code = words.at[i] >> (8 * j);
      to[4 * i + j] = __uint_as_float((code & 0x80U) << 24 | (code & 0x7FU) << 20) * 0x1p120F;
    }
#endif
  }
}

// Pairs of bf16, the first in the lower half; a payload's numbers have at most bf16's digits.
template <class W>
__device__ void pairs_of(const Words& words, unsigned (&to)[8 / sizeof(W)], W) {
  float wide[16];
  widen(words, wide, W{});
#pragma unroll
  for (int i = 0; i < 8; ++i)
    to[i] = __byte_perm(__float_as_uint(wide[2 * i]), __float_as_uint(wide[2 * i + 1]), 0x7632U);
}
__device__ inline void pairs_of(const Words& words, unsigned (&to)[4], Bf16) {
#pragma unroll
  for (int i = 0; i < 4; ++i) to[i] = words.at[i];
}

// N elements from `at` on; behind the end 0.
template <bool Packed, class W>
__device__ Words read_words(const W* row, std::int64_t at, std::int64_t k) {
  constexpr int kCount = static_cast<int>(sizeof(Words) / sizeof(W));
  if constexpr (Packed) {
    return at < k ? *reinterpret_cast<const Words*>(row + at) : Words{};
  } else {
    Pack<W> pack;
#pragma unroll
    for (int i = 0; i < kCount; ++i) pack.at[i] = at + i < k ? row[at + i] : W{};
    return std::bit_cast<Words>(pack);
  }
}

}  // namespace scalebench::cuda
