// fp16 matrices as fp32 ones, and bf16 ones for CPUs on which oneDNN has no bf16 products (before AVX-512): right, but
// slow.
#pragma once

#include "kernels/cpu/onednn.hpp"

namespace scalebench::cpu {

// to[row][column], without gaps.
void widen(const Matrix& matrix, const void* from, float* to);
void narrow(const float* from, const Matrix& matrix, void* to);

}  // namespace scalebench::cpu
