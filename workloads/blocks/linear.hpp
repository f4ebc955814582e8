// y = x W^T and its gradients, W [out, in] as Hugging Face stores it, multiplied as a plan says.
#pragma once

#include <span>
#include <vector>

#include "kernels/device.hpp"
#include "spec/plan.hpp"
#include "workloads/blocks/shape.hpp"

namespace scalebench {

// What a number of an operand is quantised to.
struct OperandFormat {
  Scaling scaling{};
  DType payload{};
};

// Memory for one quantised operand at a time, of several sizes.
class QuantizedOperand {
 public:
  struct Size {
    std::int64_t rows, columns;
  };
  QuantizedOperand() = default;
  QuantizedOperand(Device& device, const std::vector<OperandFormat>& formats, std::span<const Size> sizes,
                   std::string label);
  // [rows, columns] of `from`, which may be transposed.
  QuantizedMatrix quantize(Device& device, OperandFormat format, const Tensor& from) const;

 private:
  Buffer payload_{}, scales_{}, global_{};
};

// The products of one kind of layers.
class Linear {
 public:
  // Of layers of these sizes.
  Linear(Device& device, Products products, const Shape& shape);
  // Of any sizes, as they are stored, or in TF32.
  Linear(Device& device, bool tf32) : device_(device), products_(tf32 ? Products::tf32 : Products::plain) {}

  void forward(const Tensor& x, const Tensor& weight, const Tensor& y) const;
  // activated, where it is defined, becomes gelu(y), y = x W^T + bias.
  void forward_with_bias(const Tensor& x, const Tensor& weight, const Tensor& bias, const Tensor& y,
                         const Tensor& activated = {}) const;
  void backward_input(const Tensor& d_y, const Tensor& weight, const Tensor& d_x) const;
  // d_weight, fp32, is written where it is fresh and added to otherwise.
  void backward_weight(const Tensor& d_y, const Tensor& x, const Tensor& d_weight, bool fresh) const;

 private:
  // c (+)= a b^T
  void multiply(const Tensor& a, OperandFormat of_a, const Tensor& b, OperandFormat of_b, const Tensor& c,
                bool accumulate) const;
  void multiply_plain(const Tensor& a, const Tensor& b, const Tensor& c, bool accumulate) const;

  Device& device_;
  Products products_;
  QuantizedOperand left_{}, right_{};
};

// x and W of y = x W^T quantised once, for a product that is repeated.
struct QuantizedProduct {
  QuantizedOperand left, right;
  GemmScaled product;
  QuantizedProduct(Device& device, Products products, const Tensor& x, const Tensor& weight, const Tensor& y);
};

// Error(bad_input) where the device's hardware has no such products.
void check_products(const Device& device, const ParallelPlan& plan);

}  // namespace scalebench
