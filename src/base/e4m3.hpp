// FP8 E4M3 and bf16 as their bits, fast: by selects, so that loops over them become vector code; the definition of the
// formats is in small_float.hpp. On hosts and GPUs alike.
#pragma once

#include <bit>
#include <cstdint>

namespace scalebench {

// Of an optimizer in FP8: elements that share a scale, as in torchao's AdamWFp8.
inline constexpr std::int64_t kMomentBlock = 256;

inline constexpr float kLargestE4m3 = 448;

// Of a block of moments, by the bits of its largest magnitude; never a denormal number.
constexpr float e4m3_scale(std::uint32_t largest) {
  constexpr auto kLeast = std::bit_cast<std::uint32_t>(0x1p-100F);
  return std::bit_cast<float>(largest > kLeast ? largest : kLeast) / kLargestE4m3;
}

// To nearest, ties to even; what is too large becomes the largest number.
constexpr std::uint8_t e4m3_of(float x) {
  const auto bits = std::bit_cast<std::uint32_t>(x);
  const std::uint32_t magnitude = bits & 0x7FFFFFFFU;
  // 2^14 + y has steps of 2^-9, as what lies below 2^-6 has.
  constexpr float kShift = 16384;
  const std::uint32_t below = std::bit_cast<std::uint32_t>(std::bit_cast<float>(magnitude & 0x3FFFFFFFU) + kShift) -
                              std::bit_cast<std::uint32_t>(kShift);
  const std::uint32_t normal = ((magnitude + 0x7FFFFU + (magnitude >> 20 & 1U)) >> 20) - (120U << 3);
  std::uint32_t code = magnitude < 0x3C800000U ? below : normal;  // 2^-6
  code = magnitude > std::bit_cast<std::uint32_t>(kLargestE4m3) ? 0x7EU : code;
  code = magnitude > 0x7F800000U ? 0x7FU : code;
  return static_cast<std::uint8_t>(code | (bits >> 24 & 0x80U));
}

constexpr float from_e4m3(std::uint8_t code) {
  const std::uint32_t magnitude = code & 0x7FU, sign = (code & 0x80U) << 24;
  const float below = static_cast<float>(static_cast<std::int32_t>(magnitude)) * 0x1p-9F;
  std::uint32_t bits = magnitude < 8 ? std::bit_cast<std::uint32_t>(below) : (magnitude << 20) + (120U << 23);
  bits = magnitude == 0x7FU ? 0x7FC00000U : bits;
  return std::bit_cast<float>(bits | sign);
}

// The bits of x >= 0 as bf16, rounded up in `random` of 65536 cases as far as x lies between its neighbours: on average
// x itself.
constexpr std::uint16_t bf16_at_random(float x, std::uint32_t random) {
  const auto bits = std::bit_cast<std::uint32_t>(x);
  return static_cast<std::uint16_t>((bits & 0x7FFFFFFFU) > 0x7F800000U ? 0x7FFFU : (bits + (random & 0xFFFFU)) >> 16);
}

}  // namespace scalebench
