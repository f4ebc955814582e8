#pragma once

#include "base/tensor.hpp"

namespace scalebench::cuda {

class CudaContext;

// [a b, beta] on the device, for the product that is issued next: the scales of two whole matrices.
const float* scaled_alpha(const Tensor& a, const Tensor& b, float beta, CudaContext& context);

}  // namespace scalebench::cuda
