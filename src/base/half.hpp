// fp16 (IEEE 754 binary16) and fp32 by arithmetic on their bits, without branches, so that compilers can vectorise it.
#pragma once

#include <bit>
#include <cstdint>

namespace scalebench {

constexpr float float_of_half(std::uint16_t half) {
  constexpr std::uint32_t kBias = 112U << 23;  // of the exponents: 127 - 15
  const std::uint32_t sign = (half & 0x8000U) << 16, size = half & 0x7FFFU;
  const std::uint32_t normal = (size << 13) + (size >= 0x7C00U ? 2 * kBias : kBias);
  const float subnormal = static_cast<float>(static_cast<std::int32_t>(size)) * 0x1p-24F;
  return std::bit_cast<float>(sign | (size < 0x0400U ? std::bit_cast<std::uint32_t>(subnormal) : normal));
}

// To nearest, ties to even; from 65520 on infinity. A NaN stays one.
constexpr std::uint16_t half_of_float(float x) {
  const auto bits = std::bit_cast<std::uint32_t>(x);
  const std::uint32_t sign = bits >> 16 & 0x8000U, size = bits & 0x7FFFFFFFU;
  const std::uint32_t normal = ((size + 0xFFFU + (size >> 13 & 1U)) >> 13) - (112U << 10);
  // Added to 1/2, the last bit of the mantissa is 2^-24, as that of a subnormal number is.
  const std::uint32_t subnormal = std::bit_cast<std::uint32_t>(std::bit_cast<float>(size) + 0.5F) - 0x3F000000U;
  const std::uint32_t finite = size < 0x38800000U ? subnormal : normal;
  const std::uint32_t all = size > 0x7F800000U ? 0x7E00U : size >= 0x47800000U ? 0x7C00U : finite;
  return static_cast<std::uint16_t>(sign | all);
}

}  // namespace scalebench
