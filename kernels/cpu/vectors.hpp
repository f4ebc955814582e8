// Registers of fp32 numbers, by the vector extensions of GCC and Clang.
#pragma once

#include <array>
#include <bit>
#include <cstdint>
#include <cstring>

#include "kernels/cpu/numbers.hpp"

namespace scalebench::cpu {

inline constexpr std::int64_t kLanes = __BIGGEST_ALIGNMENT__ / 4;  // of the widest register that -march allows

using Floats = float __attribute__((vector_size(kLanes * 4)));
using Integers = std::int32_t __attribute__((vector_size(kLanes * 4)));
using Words = std::uint32_t __attribute__((vector_size(kLanes * 4)));
using Halves = std::uint16_t __attribute__((vector_size(kLanes * 2)));

template <class Vector>
inline Vector load(const void* from) {
  Vector vector;
  std::memcpy(&vector, from, sizeof(vector));
  return vector;
}

template <class Vector>
inline void store(Vector vector, void* to) {
  std::memcpy(to, &vector, sizeof(vector));
}

inline Floats splat(float x) { return x - Floats{}; }

// The second where one of them is NaN.
inline Floats larger(Floats a, Floats b) { return a > b ? a : b; }

// 2^x for x <= 1/2, at least 2^-100 so that products with it stay normal; NaN stays NaN. Above it the result means
// nothing: unused lanes of a selection may hold such.
template <int Degree>
inline Floats exp2_of_negative(Floats x) {
  x = larger(splat(-100), x);
  const Integers whole = __builtin_convertvector(x - 0.5F, Integers);  // towards 0, so the nearest to x
  const Floats fraction = exp2_polynomial<Degree>(x - __builtin_convertvector(whole, Floats));
  return std::bit_cast<Floats>(std::bit_cast<Words>(fraction) + (std::bit_cast<Words>(whole) << 23));
}

inline Floats load_floats(const float* from) { return load<Floats>(from); }
inline Floats load_floats(const Bf16* from) {
  return std::bit_cast<Floats>(__builtin_convertvector(load<Halves>(from), Words) << 16);
}
// As number_of<kFp16>(), one in each word.
inline Floats floats_of_halves(Words halves) {
  constexpr std::uint32_t kBias = 112U << 23;
  const Words sign = (halves & 0x8000U) << 16, size = halves & 0x7FFFU;
  const Words normal = (size << 13) + (size >= 0x7C00U ? Words{} + 2 * kBias : Words{} + kBias);
  const Floats subnormal = __builtin_convertvector(std::bit_cast<Integers>(size), Floats) * 0x1p-24F;
  return std::bit_cast<Floats>(sign | (size < 0x0400U ? std::bit_cast<Words>(subnormal) : normal));
}

// As from_float<T>().
inline void store_floats(Floats x, float* to) { store(x, to); }
inline void store_floats(Floats x, Bf16* to) {
  const auto bits = std::bit_cast<Words>(x);
  const Words rounded = (bits + 0x7FFFU + ((bits >> 16) & 1U)) >> 16;
  store(__builtin_convertvector((bits & 0x7FFFFFFFU) > 0x7F800000U ? Words{} + 0x7FC0U : rounded, Halves), to);
}

// For what is summed at once and never kept: ties away from zero, and a NaN only as arithmetic makes it (its mantissa
// is empty but for one bit).
inline void store_weights(Floats x, float* to) { store(x, to); }
inline void store_weights(Floats x, Bf16* to) {
  store(__builtin_convertvector((std::bit_cast<Words>(x) + 0x8000U) >> 16, Halves), to);
}

// Numbers of two rows of a right operand (block_products.hpp) as words: [kLanes][2].
inline void store_words(Floats even, Floats odd, Bf16* to) {
  const auto rounded = [](Floats x) { return std::bit_cast<Words>(x) + 0x8000U; };
  store((rounded(even) >> 16) | (rounded(odd) & 0xFFFF0000U), to);
}
inline void store_words(const Bf16* even, const Bf16* odd, Bf16* to) {
  const auto words = [](const Bf16* from) { return __builtin_convertvector(load<Halves>(from), Words); };
  store(words(even) | (words(odd) << 16), to);
}

}  // namespace scalebench::cpu
