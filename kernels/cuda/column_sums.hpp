// The second pass of sums down columns.
#pragma once

#include <cstdint>

namespace scalebench::cuda {

class CudaContext;

// to[c] += sum over r of partials[r, c], fp32 [rows, columns], in one order of additions.
void add_columns(const float* partials, std::int64_t rows, std::int64_t columns, float* to, CudaContext& context);

}  // namespace scalebench::cuda
