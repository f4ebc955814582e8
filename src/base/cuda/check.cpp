#include "base/cuda/check.hpp"

#include "base/check.hpp"

namespace scalebench {

void check_cuda(cudaError_t status, const char* call) {
  if (status == cudaSuccess) return;
  cudaGetLastError();  // else the next launch would be blamed for it
  fail(Exit::unfit, "{} failed: {} ({}) look at the GPU with nvidia-smi", call, cudaGetErrorName(status),
       cudaGetErrorString(status));
}

}  // namespace scalebench
