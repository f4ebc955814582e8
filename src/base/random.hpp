// Counter-based random numbers: a pure function of (key, counter), so that any rank can draw any element of a tensor.
#pragma once

#include <cmath>
#include <cstdint>
#include <numbers>

namespace scalebench {

// splitmix64's finaliser (Steele, Lea, Flood 2014) over key and counter.
constexpr std::uint64_t random_bits(std::uint64_t key, std::uint64_t counter) {
  std::uint64_t z = counter * 0x9E3779B97F4A7C15ULL + (key ^ 0xD1B54A32D192ED03ULL) * 0xBF58476D1CE4E5B9ULL;
  z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9ULL;
  z = (z ^ (z >> 27)) * 0x94D049BB133111EBULL;
  return z ^ (z >> 31);
}

// In [0, 1).
constexpr double random_uniform(std::uint64_t key, std::uint64_t counter) {
  return static_cast<double>(random_bits(key, counter) >> 11) * 0x1.0p-53;
}

// Standard normal (Box-Muller, one of the pair).
inline double random_normal(std::uint64_t key, std::uint64_t counter) {
  const double radius = std::sqrt(-2.0 * std::log(1.0 - random_uniform(key, 2 * counter)));
  return radius * std::cos(2.0 * std::numbers::pi * random_uniform(key, 2 * counter + 1));
}

}  // namespace scalebench
