#include "base/cuda/memory.hpp"

#include <exception>

#include <cuda_runtime.h>

#include "base/cuda/check.hpp"

namespace scalebench {

std::byte* CudaMemory::take(std::size_t bytes) {
  void* place = nullptr;
  const cudaError_t status = cudaMalloc(&place, bytes);
  if (status == cudaErrorMemoryAllocation) return cudaGetLastError(), nullptr;
  check_cuda(status, "cudaMalloc");
  return static_cast<std::byte*>(place);
}

// While an error is on its way the GPU may never come to the end of its work, which cudaFree waits for.
void CudaMemory::give_back(std::byte* memory) {
  if (std::uncaught_exceptions() == 0) cudaFree(memory);
}

}  // namespace scalebench
