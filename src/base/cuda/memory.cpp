#include "base/cuda/memory.hpp"

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

void CudaMemory::give_back(std::byte* memory) { cudaFree(memory); }

}  // namespace scalebench
