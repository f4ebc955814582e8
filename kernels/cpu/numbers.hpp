// Numbers of the CPU kernels: bf16 and fp16 as stored bits, conversions, and an exponential that the compiler can
// vectorise.
#pragma once

#include <bit>
#include <cmath>
#include <cstdint>
#include <numbers>

#include "base/check.hpp"
#include "base/small_float.hpp"
#include "base/tensor.hpp"

namespace scalebench::cpu {

struct Bf16 {
  std::uint16_t bits;
};
struct Half {  // fp16
  std::uint16_t bits;
};

inline float to_float(float x) { return x; }
inline float to_float(Bf16 x) { return std::bit_cast<float>(static_cast<std::uint32_t>(x.bits) << 16); }

inline float to_float(Half x) { return number_of<kFp16>(x.bits); }

template <class T>
T from_float(float x);
template <>
inline float from_float<float>(float x) {
  return x;
}
// To nearest, ties to even. A NaN stays one: its mantissa must neither round up to infinity nor be cut to it.
template <>
inline Bf16 from_float<Bf16>(float x) {
  const auto bits = std::bit_cast<std::uint32_t>(x);
  const std::uint32_t rounded = (bits + 0x7FFFU + ((bits >> 16) & 1U)) >> 16;
  return {static_cast<std::uint16_t>((bits & 0x7FFFFFFFU) > 0x7F800000U ? 0x7FC0U : rounded)};
}
template <>
inline Half from_float<Half>(float x) {
  return {code_of<kFp16>(x)};
}

inline constexpr float kLog2E = 1.44269504088896F;
inline constexpr float kLn2 = 0.693147180559945F;

// Minimax polynomials of 2^x on [-1/2, 1/2], relative error 3e-6 (degree 4) and 2e-9 (degree 6), of a number or a
// vector of them.
template <int Degree, class Number>
inline Number exp2_polynomial(Number x) {
  if constexpr (Degree == 4)
    return 9.999992614e-01F +
           x * (6.931218147e-01F + x * (2.402474483e-01F + x * (5.591786030e-02F + x * 9.570101699e-03F)));
  else
    return 1.000000001e+00F +
           x * (6.931472057e-01F +
                x * (2.402264689e-01F +
                     x * (5.550328777e-02F + x * (9.618488958e-03F + x * (1.339993122e-03F + x * 1.534581171e-04F)))));
}

// 2^x for x <= 127, at least 2^-126; NaN stays NaN: the comparison is written so that it passes.
template <int Degree = 6>
inline float exp2_below(float x) {
  const float clamped = x < -126.0F ? -126.0F : x;
  const float whole = std::nearbyint(clamped);
  const float fraction = exp2_polynomial<Degree>(clamped - whole);
  const auto exponent = static_cast<std::uint32_t>(static_cast<std::int32_t>(whole)) << 23;
  return std::bit_cast<float>(std::bit_cast<std::uint32_t>(fraction) + exponent);
}

// 2^x, at least 2^-126 and at most 2^127; NaN stays NaN.
template <int Degree = 6>
inline float exp2_of(float x) {
  return exp2_below<Degree>(x > 127.0F ? 127.0F : x);
}

// What rounding to T hides needs no exact exponential.
template <class T>
inline constexpr int kExpDegree = sizeof(T) == 2 ? 4 : 6;

// sin and cos of turn whole turns, |turn| <= 1/2. Taylor's series up to pi/2, an error of 6e-10 at most.
inline double sine_of_quarter(double turn) {
  const double x = turn * (2 * std::numbers::pi), y = x * x;
  return x * (1 + y * (-1.0 / 6 +
                       y * (1.0 / 120 + y * (-1.0 / 5040 +
                                             y * (1.0 / 362880 + y * (-1.0 / 39916800 + y * (1.0 / 6227020800.0)))))));
}
inline double cosine_of(double turn) { return sine_of_quarter(0.25 - std::abs(turn)); }
inline double sine_of(double turn) {
  const double folded = turn > 0.25 ? 0.5 - turn : turn;
  return sine_of_quarter(folded < -0.25 ? -0.5 - folded : folded);
}

// Natural logarithm of a normal number above 0: x = 2^n m, m in [0.7, 1.4], ln m = 2 artanh((m - 1) / (m + 1)). An
// error of 2e-11 at most.
inline double log_of(double x) {
  constexpr std::uint64_t kRoot = 0x3FE6A09E00000000;  // sqrt(1/2)
  const auto bits = std::bit_cast<std::uint64_t>(x);
  const auto exponent = static_cast<std::int64_t>(bits - kRoot) >> 52;
  const double mantissa = std::bit_cast<double>(bits - (static_cast<std::uint64_t>(exponent) << 52));
  const double s = (mantissa - 1) / (mantissa + 1), y = s * s;
  const double series = 1 + y * (1.0 / 3 + y * (1.0 / 5 + y * (1.0 / 7 + y * (1.0 / 9 + y * (1.0 / 11)))));
  return static_cast<double>(exponent) * std::numbers::ln2 + 2 * s * series;
}

// As exact as results of type T show.
template <class T>
inline float sigmoid(float x) {
  return 1.0F / (1.0F + exp2_of<kExpDegree<T>>(-kLog2E * x));
}

template <class T>
T* data_of(const Tensor& tensor) {
  return reinterpret_cast<T*>(tensor.address());
}

// Calls body(float{}), body(Bf16{}) or body(Half{}).
template <class Body>
void for_dtype(const Tensor& tensor, const Body& body) {
  if (tensor.dtype() == DType::bf16) return body(Bf16{});
  if (tensor.dtype() == DType::f16) return body(Half{});
  ensure(tensor.dtype() == DType::f32, "{} where fp32, bf16 or fp16 is needed", to_string(tensor));
  body(float{});
}

// Of what a product of matrices is made of: fp16, which processors have no fast products of, is widened to fp32 first.
// Calls body(float{}) or body(Bf16{}).
template <class Body>
void for_product_dtype(const Tensor& tensor, const Body& body) {
  if (tensor.dtype() == DType::bf16) return body(Bf16{});
  ensure(tensor.dtype() == DType::f32 || tensor.dtype() == DType::f16, "{} where fp32, bf16 or fp16 is needed",
         to_string(tensor));
  body(float{});
}

}  // namespace scalebench::cpu
