// y = x W^T and its gradients, W [out, in] as Hugging Face stores it.
#pragma once

#include "kernels/device.hpp"

namespace scalebench {

inline void linear(Device& device, const Tensor& x, const Tensor& weight, const Tensor& y) {
  device.run(Gemm{.a = x, .b = weight.transposed(), .c = y});
}

inline void linear_backward_input(Device& device, const Tensor& d_y, const Tensor& weight, const Tensor& d_x) {
  device.run(Gemm{.a = d_y, .b = weight, .c = d_x});
}

// d_weight, fp32, is written where it is fresh and added to otherwise.
inline void linear_backward_weight(Device& device, const Tensor& d_y, const Tensor& x, const Tensor& d_weight,
                                   bool fresh) {
  device.run(Gemm{.a = d_y.transposed(), .b = x, .c = d_weight, .accumulate = !fresh});
}

}  // namespace scalebench
