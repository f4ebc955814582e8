#include "workloads/blocks/linear.hpp"

#include <algorithm>

#include "base/check.hpp"

namespace scalebench {

namespace {

struct Formats {
  OperandFormat values, weights, gradients;
};

// Gradients have a wide range and bear few bits of mantissa (Micikevicius et al. 2022), unless each block has a scale
// of its own: then e4m3 does (DeepSeek-AI 2024; NVIDIA 2025, arXiv 2506.08027).
Formats formats_of(Products products) {
  switch (products) {
    case Products::fp8_block:
      return {{Scaling::rows, DType::e4m3}, {Scaling::blocks, DType::e4m3}, {Scaling::rows, DType::e4m3}};
    case Products::mxfp8:
      return {{Scaling::mx, DType::e4m3}, {Scaling::mx, DType::e4m3}, {Scaling::mx, DType::e4m3}};
    case Products::nvfp4:
      return {{Scaling::nv, DType::i8}, {Scaling::nv, DType::i8}, {Scaling::nv, DType::i8}};
    default:
      return {{Scaling::tensor, DType::e4m3}, {Scaling::tensor, DType::e4m3}, {Scaling::tensor, DType::e5m2}};
  }
}

using Size = QuantizedOperand::Size;

// The matrices [out, in] of a layer.
std::vector<Size> weights_of(const Shape& s) {
  return {{(s.A + 2 * s.K) * s.D, s.H}, {s.H, s.A * s.D}, {(s.layer_norm ? 1 : 2) * s.F, s.H}, {s.H, s.F}};
}

}  // namespace

QuantizedOperand::QuantizedOperand(Device& device, const std::vector<OperandFormat>& formats,
                                   std::span<const Size> sizes, std::string label) {
  std::int64_t payload = 0, scales = 0;
  for (const OperandFormat& format : formats)
    for (const auto& [rows, columns] : sizes) {
      payload = std::max(payload, rows * payload_columns(format.scaling, columns));
      scales = std::max(scales, scale_count(format.scaling, rows, columns));
    }
  const Scaling scaling = formats.front().scaling;
  payload_ = device.allocate(DType::i8, {payload}, Use::buffers, label);
  scales_ = device.allocate(scale_dtype(scaling), {scales}, Use::buffers, label + "_scales");
  if (scaling == Scaling::nv) global_ = device.allocate(DType::f32, {1}, Use::buffers, label + "_scale");
}

QuantizedMatrix QuantizedOperand::quantize(Device& device, OperandFormat format, const Tensor& from) const {
  const std::int64_t rows = from.rows(), columns = from.columns();
  const std::int64_t shape[] = {rows, payload_columns(format.scaling, columns)};
  const std::int64_t scales[] = {scale_count(format.scaling, rows, columns)};
  const QuantizedMatrix to{.payload = Tensor(payload_.tensor().storage(), format.payload, shape),
                           .scales = Tensor(scales_.tensor().storage(), scale_dtype(format.scaling), scales),
                           .global = format.scaling == Scaling::nv ? global_.tensor() : Tensor{},
                           .scaling = format.scaling,
                           .rows = rows,
                           .columns = columns};
  device.run(QuantizeScaled{.from = from, .to = to});
  return to;
}

Linear::Linear(Device& device, Products products, const Shape& shape) : device_(device), products_(products) {
  if (!is_scaled(products)) return;
  std::vector<Size> left, right;
  for (const auto& [out, in] : weights_of(shape)) {
    left.push_back({shape.N(), in}), right.push_back({out, in});
    if (!scales_gradients(products)) continue;
    left.insert(left.end(), {{shape.N(), out}, {out, shape.N()}});
    right.insert(right.end(), {{in, out}, {in, shape.N()}});
  }
  const Formats f = formats_of(products);
  left_ = QuantizedOperand(device, {f.values, f.gradients}, left, "quantized_left");
  right_ = QuantizedOperand(device, {f.weights, f.values}, right, "quantized_right");
}

void Linear::multiply_plain(const Tensor& a, const Tensor& b, const Tensor& c, bool accumulate) const {
  device_.run(Gemm{.a = a, .b = b, .c = c, .accumulate = accumulate, .tf32 = products_ == Products::tf32});
}

void Linear::multiply(const Tensor& a, OperandFormat of_a, const Tensor& b, OperandFormat of_b, const Tensor& c,
                      bool accumulate) const {
  const QuantizedMatrix left = left_.quantize(device_, of_a, a), right = right_.quantize(device_, of_b, b);
  device_.run(GemmScaled{.a = left, .b = right, .c = c, .accumulate = accumulate});
}

void Linear::forward(const Tensor& x, const Tensor& weight, const Tensor& y) const {
  if (!is_scaled(products_)) return multiply_plain(x, weight.transposed(), y, false);
  const Formats f = formats_of(products_);
  multiply(x, f.values, weight, f.weights, y, false);
}

void Linear::forward_with_bias(const Tensor& x, const Tensor& weight, const Tensor& bias, const Tensor& y,
                               const Tensor& activated) const {
  if (!is_scaled(products_))
    return device_.run(GemmBias{.a = x,
                                .b = weight.transposed(),
                                .c = y,
                                .bias = bias,
                                .activated = activated,
                                .tf32 = products_ == Products::tf32});
  forward(x, weight, y);
  device_.run(AddBias{.values = y, .bias = bias});
  if (activated.defined()) device_.run(Gelu{.input = y, .output = activated});
}

void Linear::backward_input(const Tensor& d_y, const Tensor& weight, const Tensor& d_x) const {
  if (!scales_gradients(products_)) return multiply_plain(d_y, weight, d_x, false);
  const Formats f = formats_of(products_);
  multiply(d_y, f.gradients, weight.transposed(), f.weights, d_x, false);
}

void Linear::backward_weight(const Tensor& d_y, const Tensor& x, const Tensor& d_weight, bool fresh) const {
  if (!scales_gradients(products_)) return multiply_plain(d_y.transposed(), x, d_weight, !fresh);
  const Formats f = formats_of(products_);
  multiply(d_y.transposed(), f.gradients, x.transposed(), f.values, d_weight, !fresh);
}

QuantizedProduct::QuantizedProduct(Device& device, Products products, const Tensor& x, const Tensor& weight,
                                   const Tensor& y) {
  const Formats f = formats_of(products);
  const Size of_x[] = {{x.rows(), x.columns()}}, of_weight[] = {{weight.rows(), weight.columns()}};
  left = QuantizedOperand(device, {f.values}, of_x, "quantized_left");
  right = QuantizedOperand(device, {f.weights}, of_weight, "quantized_right");
  product = {.a = left.quantize(device, f.values, x), .b = right.quantize(device, f.weights, weight), .c = y};
}

void check_products(const Device& device, const ParallelPlan& plan) {
  if (!is_scaled(plan.products)) return;
  const Formats f = formats_of(plan.products);
  if (device.multiplies(f.values.scaling) && device.multiplies(f.weights.scaling)) return;
  const std::string_view scaling = fp8_scaling_name(plan.products);
  fail(Exit::bad_input, "--dtype {}{}{} on this GPU (its hardware has no such products) write --dtype {}",
       precision_name(plan), scaling.empty() ? "" : " --fp8-scaling ", scaling,
       plan.products == Products::fp8_block && device.multiplies(Scaling::tensor) ? "fp8" : "bf16");
}

}  // namespace scalebench
