// Floating-point numbers of 16 bits and fewer: their stored bits, by the definition of each format (encode, decode),
// and by arithmetic on bits for kernels of the host and of GPUs (code_of, number_of).
#pragma once

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdint>
#include <limits>
#include <type_traits>

namespace scalebench {

// bias = 2^(exponent_bits - 1) - 1. Without infinities (`finite`) only the code of all ones is a NaN.
struct SmallFloat {
  int exponent_bits{}, mantissa_bits{};
  bool finite = false;     // no infinities: the largest exponent holds numbers, too
  bool saturates = false;  // what is too large becomes the largest number, as in NVIDIA's conversions to FP8
  bool has_nan = true;     // without: all codes are numbers, and a NaN becomes the largest, as in NVIDIA's to FP4

  constexpr int bias() const { return (1 << (exponent_bits - 1)) - 1; }
  constexpr int sign_bit() const { return exponent_bits + mantissa_bits; }
  constexpr std::uint32_t top() const { return (1U << sign_bit()) - 1; }  // exponent and mantissa all ones
  constexpr std::uint32_t infinity() const { return ((1U << exponent_bits) - 1) << mantissa_bits; }
  constexpr std::uint32_t largest() const { return !finite ? infinity() - 1 : has_nan ? top() - 1 : top(); }
};

inline constexpr SmallFloat kFp16{.exponent_bits = 5, .mantissa_bits = 10};  // IEEE 754 binary16
inline constexpr SmallFloat kBf16{.exponent_bits = 8, .mantissa_bits = 7};
// OCP 8-bit Floating Point Specification (OFP8), revision 1.0.
inline constexpr SmallFloat kE4m3{.exponent_bits = 4, .mantissa_bits = 3, .finite = true, .saturates = true};
inline constexpr SmallFloat kE5m2{.exponent_bits = 5, .mantissa_bits = 2, .saturates = true};

// OCP Microscaling Formats (MX) Specification, version 1.0.
inline constexpr SmallFloat kE2m1{
    .exponent_bits = 2, .mantissa_bits = 1, .finite = true, .saturates = true, .has_nan = false};

inline double decode(const SmallFloat& format, std::uint32_t bits) {
  const double sign = (bits >> format.sign_bit() & 1U) != 0 ? -1 : 1;
  const std::uint32_t magnitude = bits & format.top();
  if (format.has_nan && (format.finite ? magnitude == format.top() : magnitude > format.infinity()))
    return std::numeric_limits<double>::quiet_NaN();
  if (!format.finite && magnitude == format.infinity()) return sign * std::numeric_limits<double>::infinity();
  const auto exponent = static_cast<int>(magnitude >> format.mantissa_bits);
  const std::uint32_t mantissa = magnitude & ((1U << format.mantissa_bits) - 1);
  const std::uint32_t whole = exponent == 0 ? mantissa : mantissa | 1U << format.mantissa_bits;
  return sign * std::ldexp(whole, (exponent == 0 ? 1 : exponent) - format.bias() - format.mantissa_bits);
}

// To nearest, ties to even.
inline std::uint32_t encode(const SmallFloat& format, double value) {
  const std::uint32_t sign = std::signbit(value) ? 1U << format.sign_bit() : 0U;
  if (std::isnan(value) && !format.has_nan) return format.largest();
  if (std::isnan(value))
    return sign | (format.finite ? format.top() : format.infinity() | 1U << (format.mantissa_bits - 1));
  const std::uint32_t beyond = format.saturates ? format.largest() : format.infinity();
  if (std::isinf(value)) return sign | beyond;
  const double size = std::fabs(value);
  if (size == 0) return sign;
  const int exponent = std::max(std::ilogb(size), 1 - format.bias());
  const double steps = std::nearbyint(std::ldexp(size, format.mantissa_bits - exponent));
  if (exponent > format.bias() + 1) return sign | beyond;
  // The leading one of a normal number adds one to its exponent; so does a mantissa that was rounded up to the next.
  const auto code = (static_cast<std::uint32_t>(exponent + format.bias() - 1) << format.mantissa_bits) +
                    static_cast<std::uint32_t>(steps);
  return sign | (code > format.largest() ? beyond : code);
}

// encode() and decode() of fp32 numbers, for a format of fewer exponent bits than fp32's, by selects, so that compilers
// can vectorise loops over them; no operand is a denormal fp32 number, which some processors take for zero.

// What a code is stored in.
template <SmallFloat Format>
using StoredCode = std::conditional_t<Format.sign_bit() < 8, std::uint8_t, std::uint16_t>;

// A NaN becomes the positive one of all ones, as GPUs make it.
template <SmallFloat Format>
constexpr StoredCode<Format> code_of(float x) {
  static_assert(Format.exponent_bits < 8);
  constexpr int kCut = 23 - Format.mantissa_bits, kRebias = 127 - Format.bias();
  constexpr std::uint32_t kSmallestNormal = static_cast<std::uint32_t>(kRebias + 1) << 23;
  // Adding it rounds to steps of the smallest subnormal number: its own last bit is as large.
  constexpr auto kRounder = std::bit_cast<float>(static_cast<std::uint32_t>(kRebias + 1 + kCut) << 23);
  const auto bits = std::bit_cast<std::uint32_t>(x);
  const std::uint32_t size = bits & 0x7FFFFFFFU, sign = bits >> 31 << Format.sign_bit();
  const std::uint32_t steps = (size + ((1U << (kCut - 1)) - 1) + (size >> kCut & 1U)) >> kCut;
  const std::uint32_t normal = steps - (static_cast<std::uint32_t>(kRebias) << Format.mantissa_bits);
  const std::uint32_t subnormal =
      std::bit_cast<std::uint32_t>(std::bit_cast<float>(size) + kRounder) - std::bit_cast<std::uint32_t>(kRounder);
  const std::uint32_t code = size < kSmallestNormal ? subnormal : normal;
  constexpr std::uint32_t kBeyond = Format.saturates ? Format.largest() : Format.infinity();
  constexpr std::uint32_t kNan = Format.has_nan ? Format.top() : Format.largest();
  const std::uint32_t number = code > Format.largest() ? kBeyond : code;
  return static_cast<StoredCode<Format>>(size > 0x7F800000U ? kNan : sign | number);
}

template <SmallFloat Format>
constexpr float number_of(std::uint32_t code) {
  static_assert(Format.exponent_bits < 8);
  constexpr int kShift = 23 - Format.mantissa_bits;
  constexpr std::uint32_t kRebias = static_cast<std::uint32_t>(127 - Format.bias()) << 23;
  constexpr auto kStep =
      std::bit_cast<float>(kRebias + (1U << 23) - (static_cast<std::uint32_t>(Format.mantissa_bits) << 23));
  const std::uint32_t size = code & Format.top(), sign = (code >> Format.sign_bit() & 1U) << 31;
  const float subnormal = static_cast<float>(static_cast<std::int32_t>(size)) * kStep;
  const std::uint32_t finite =
      size < 1U << Format.mantissa_bits ? std::bit_cast<std::uint32_t>(subnormal) : (size << kShift) + kRebias;
  std::uint32_t bits = finite;
  if constexpr (!Format.finite)  // infinities and NaNs have fp32's exponent of all ones
    bits = size >= Format.infinity() ? (size << kShift) + 2 * kRebias : finite;
  else if constexpr (Format.has_nan)
    bits = size == Format.top() ? 0x7FC00000U : finite;
  return std::bit_cast<float>(bits | sign);
}

// E8M0 of OCP's MX: 2^(code - 127); 255 is the NaN.
constexpr std::uint32_t kE8m0Nan = 255;
constexpr float number_of_e8m0(std::uint32_t code) {
  return std::bit_cast<float>(code == kE8m0Nan ? 0x7FC00000U : code == 0 ? 0x00400000U : code << 23);
}
// The smallest power of two that is not below x, a number from 0 to 2^127; NaN and infinity become the NaN.
constexpr std::uint32_t e8m0_not_below(float x) {
  const auto bits = std::bit_cast<std::uint32_t>(x);
  const std::uint32_t exponent = bits >> 23, mantissa = bits & 0x7FFFFFU;
  if (exponent == kE8m0Nan) return kE8m0Nan;
  return exponent + (exponent == 0 ? mantissa > 0x400000U : mantissa != 0 ? 1U : 0U);
}

}  // namespace scalebench
