// Products of few rows with weights, where all is bf16: our own, beside cuBLASLt's.
#pragma once

#include "kernels/ops.hpp"

namespace scalebench::cuda {

class CudaContext;

namespace few_rows {

// Whether they lie as the kernel wants them: rows of weights [n, k] read along k, 16 bytes at a time.
bool fits(const Gemm& op);
void compute(const Gemm& op, CudaContext& context);

}  // namespace few_rows

}  // namespace scalebench::cuda
