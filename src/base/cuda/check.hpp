// CUDA's error codes as errors. Without fmt, which nvcc cannot read.
#pragma once

#include <cuda_runtime.h>

namespace scalebench {

// Throws Error(unfit) with the name of the call and what CUDA says of it.
void check_cuda(cudaError_t status, const char* call);

}  // namespace scalebench
