// Weights of few bits and products with them; matrices of 8 and 4 bits with scales and their products.
#pragma once

#include <string_view>

#include "base/quantized.hpp"
#include "base/tensor.hpp"
#include "base/timeline.hpp"

namespace scalebench {

// Weights in int8 or e4m3, each row with a scale of its own (symmetric, round to nearest even): payload[n, :] =
// from[n, :] / scales[n], scales[n] = max |from[n, :]| / 127 or / 448, or 1 where a row is zero.
struct Quantize {
  static constexpr std::string_view name = "quantize";
  static constexpr Part part = Part::compute;
  Tensor from;     // [n, k], fp32, bf16 or fp16
  Tensor payload;  // i8 or e4m3 [n, k], contiguous
  Tensor scales;   // fp32 [n]
  double flops() const { return 2.0 * static_cast<double>(from.count()); }
  void operands(auto&& see) const { see.reads(from), see.writes(payload, scales); }
};

// c[m, n] = scales[n] * sum over k of a[m, k] payload[n, k]
struct GemmQuantized {
  static constexpr std::string_view name = "gemm_quantized";
  static constexpr Part part = Part::compute;
  Tensor a;                // [m, k], fp32, bf16 or fp16
  Tensor payload, scales;  // i8 or e4m3 [n, k], contiguous; fp32 [n]
  Tensor c;                // [m, n] like a
  double flops() const {
    return 2.0 * static_cast<double>(a.rows()) * static_cast<double>(a.columns()) * static_cast<double>(payload.rows());
  }
  void operands(auto&& see) const { see.reads(a, payload, scales), see.writes(c); }
};

// to = from, with the scales and the roundings of base/quantized.hpp, bit for bit. What is not finite makes the scale
// of its block NaN, or of the whole where that has one.
struct QuantizeScaled {
  static constexpr std::string_view name = "quantize_scaled";
  static constexpr Part part = Part::compute;
  Tensor from;         // [n, k], fp32, bf16 or fp16, one unit stride: a transposed view is quantized along its own k
  QuantizedMatrix to;  // payload contiguous
  double flops() const { return 2.0 * static_cast<double>(from.count()); }
  void operands(auto&& see) const {
    see.reads(from), see.writes(to.payload, to.scales);
    if (to.scaling == Scaling::nv) see.writes(to.global);
  }
};

// c[m, n] (+)= sum over k of a[m, k] b[n, k], in fp32. One scaling for both, but that rows and blocks go together.
// Which scalings and sizes a GPU multiplies: scaled_products_of() of kernels/cuda, sizes_fit(); the CPU multiplies all.
struct GemmScaled {
  static constexpr std::string_view name = "gemm_scaled";
  static constexpr Part part = Part::compute;
  QuantizedMatrix a, b;
  Tensor c;  // fp32 or bf16, rows contiguous
  bool accumulate = false;
  double flops() const {
    return 2.0 * static_cast<double>(a.rows) * static_cast<double>(a.columns) * static_cast<double>(b.rows);
  }
  void operands(auto&& see) const {
    see.reads(a.payload, a.scales, b.payload, b.scales);
    if (a.scaling == Scaling::nv) see.reads(a.global, b.global);
    if (accumulate) see.reads(c);
    see.writes(c);
  }
};

}  // namespace scalebench
