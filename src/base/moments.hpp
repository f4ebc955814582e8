// How AdamW's moments are kept in few bits, on hosts and GPUs alike.
#pragma once

#include <bit>
#include <cstdint>

namespace scalebench {

// Of an optimizer in FP8: elements that share a scale, as in torchao's AdamWFp8.
inline constexpr std::int64_t kMomentBlock = 256;

// Of a block of moments in E4M3, by the bits of its largest magnitude; never a denormal number.
constexpr float moment_scale(std::uint32_t largest) {
  constexpr auto kLeast = std::bit_cast<std::uint32_t>(0x1p-100F);
  return std::bit_cast<float>(largest > kLeast ? largest : kLeast) / 448.0F;
}

// The bits of x >= 0 as bf16, rounded up in `random` of 65536 cases as far as x lies between its neighbours: on average
// x itself.
constexpr std::uint16_t bf16_at_random(float x, std::uint32_t random) {
  const auto bits = std::bit_cast<std::uint32_t>(x);
  return static_cast<std::uint16_t>((bits & 0x7FFFFFFFU) > 0x7F800000U ? 0x7FFFU : (bits + (random & 0xFFFFU)) >> 16);
}

}  // namespace scalebench
