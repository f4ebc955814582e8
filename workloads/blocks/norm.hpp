// The norm of a row of the residual stream: RMSNorm, or LayerNorm with its bias, as the model's family has it.
#pragma once

#include "kernels/device.hpp"
#include "workloads/blocks/shape.hpp"

namespace scalebench {

// Or their gradients; RMSNorm has no bias.
struct NormParameters {
  Tensor weight{}, bias{};  // [H]
};

struct NormActivations {
  Buffer normed{};      // [R, H]
  Buffer mean{};        // fp32 [R], of LayerNorm
  Buffer reciprocal{};  // fp32 [R]
  NormActivations() = default;
  NormActivations(Device& device, const Shape& s, const std::string& of)
      : normed(device.allocate(s.dtype, {s.R(), s.H}, Use::activations, of + "_normed")),
        reciprocal(device.allocate(DType::f32, {s.R()}, Use::activations, of + "_reciprocal")) {
    if (s.layer_norm) mean = device.allocate(DType::f32, {s.R()}, Use::activations, of + "_mean");
  }
};

// Where a norm's results go, by rows.
struct NormResults {
  Tensor normed{}, mean{}, reciprocal{};
  NormResults(const NormActivations& a) : normed(a.normed), mean(a.mean), reciprocal(a.reciprocal) {}  // NOLINT
  NormResults(const NormActivations& a, std::int64_t rows) : NormResults(a) {  // the first ones alone
    for (Tensor* const results : {&normed, &mean, &reciprocal})
      if (results->defined()) *results = results->slice(0, 0, rows);
  }
};

// Of input (+ branch, into `sum`, which may be the input's place).
inline void norm(Device& device, const Shape& s, const NormParameters& w, const Tensor& input, const Tensor& branch,
                 const Tensor& sum, const NormResults& a) {
  if (s.layer_norm)
    device.run(LayerNorm{.input = input,
                         .branch = branch,
                         .sum = sum,
                         .weight = w.weight,
                         .bias = w.bias,
                         .output = a.normed,
                         .mean = a.mean,
                         .reciprocal = a.reciprocal,
                         .epsilon = s.epsilon});
  else
    device.run(RmsNorm{.input = input,
                       .branch = branch,
                       .sum = sum,
                       .weight = w.weight,
                       .output = a.normed,
                       .reciprocal = a.reciprocal,
                       .epsilon = s.epsilon});
}

// d_input (+)= its gradient
inline void norm_backward(Device& device, const Shape& s, const NormParameters& w, const NormParameters& d,
                          const Tensor& input, const NormActivations& a, const Tensor& d_normed, const Tensor& d_input,
                          bool accumulate) {
  if (s.layer_norm)
    device.run(LayerNormBackward{.input = input,
                                 .weight = w.weight,
                                 .mean = a.mean,
                                 .reciprocal = a.reciprocal,
                                 .d_output = d_normed,
                                 .d_input = d_input,
                                 .d_weight = d.weight,
                                 .d_bias = d.bias,
                                 .accumulate = accumulate});
  else
    device.run(RmsNormBackward{.input = input,
                               .weight = w.weight,
                               .reciprocal = a.reciprocal,
                               .d_output = d_normed,
                               .d_input = d_input,
                               .d_weight = d.weight,
                               .accumulate = accumulate});
}

}  // namespace scalebench
