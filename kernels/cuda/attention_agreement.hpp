// What cuDNN's attention needs around it: its layout of log_sum_exp, and whether it computes what our own does.
#pragma once

#include <cstdint>

#include "base/tensor.hpp"

namespace scalebench::cuda {

class CudaContext;

// to [groups, columns, rows] = from [groups, rows, columns], fp32.
void transpose(const float* from, float* to, std::int64_t groups, std::int64_t rows, std::int64_t columns,
               CudaContext& context);

// sums[0] += sum of (tensor - other)^2, sums[1] += sum of other^2; fp32 sums on the device. `tensor` is [N, heads, D],
// rows may have a pitch; `other` has as many numbers of its type, without gaps.
void add_squares(const Tensor& tensor, const void* other, float* sums, CudaContext& context);
// The tensor's numbers without gaps.
void copy_rows(const Tensor& tensor, void* to, CudaContext& context);

}  // namespace scalebench::cuda
