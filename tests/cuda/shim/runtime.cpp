// The calls of the CUDA runtime that the device makes, but those of streams.
#include <cuda_runtime.h>

#include "tests/cuda/shim/streams.hpp"

using scalebench::shim::capturing;

cudaError_t cudaGetLastError() { return cudaSuccess; }
const char* cudaGetErrorName(cudaError_t) { return "error"; }
const char* cudaGetErrorString(cudaError_t) { return "of the stand-in"; }
cudaError_t cudaGetDevice(int* device) { return *device = 0, cudaSuccess; }
cudaError_t cudaDeviceGetAttribute(int* value, cudaDeviceAttr attribute, int) {
  const char* const capability = std::getenv("SCALEBENCH_SHIM_CAPABILITY");  // of two digits
  const int number = capability != nullptr ? std::atoi(capability) : 90;
  switch (attribute) {
    case cudaDevAttrMultiProcessorCount:
      return *value = 2, cudaSuccess;
    case cudaDevAttrMaxSharedMemoryPerBlockOptin:
    case cudaDevAttrL2CacheSize:
      return *value = 48 * 1024, cudaSuccess;
    case cudaDevAttrComputeCapabilityMajor:
      return *value = number / 10, cudaSuccess;
    case cudaDevAttrComputeCapabilityMinor:
      return *value = number % 10, cudaSuccess;
  }
  return cudaErrorInvalidValue;
}
cudaError_t cudaDeviceGetStreamPriorityRange(int* least, int* greatest) {
  return *least = 0, *greatest = -1, cudaSuccess;
}
// As far apart as cudaMalloc's; filled, so that reading what nobody wrote shows.
cudaError_t cudaMalloc(void** place, std::size_t bytes) {
  if (capturing()) return cudaErrorUnknown;
  *place = std::aligned_alloc(256, (bytes + 255) / 256 * 256);
  if (*place == nullptr) return cudaErrorMemoryAllocation;
  std::memset(*place, 0xFF, bytes);
  return cudaSuccess;
}
// All that is under way is waited for, as CUDA does it; where it never ends the memory stays, which it may still use.
cudaError_t cudaFree(void* place) {
  if (capturing()) return cudaErrorUnknown;
  if (place != nullptr && cudaDeviceSynchronize() == cudaSuccess) std::free(place);
  return cudaSuccess;
}
cudaError_t cudaMallocAsync(void** place, std::size_t bytes, cudaStream_t) { return cudaMalloc(place, bytes); }
cudaError_t cudaFreeAsync(void* place, cudaStream_t stream) {
  return scalebench::shim::issue(stream, [place] { std::free(place); }), cudaSuccess;
}
cudaError_t cudaMallocHost(void** place, std::size_t bytes) { return cudaMalloc(place, bytes); }
cudaError_t cudaFreeHost(void* place) { return cudaFree(place); }
cudaError_t cudaMemGetInfo(std::size_t* free, std::size_t* total) {
  return *free = *total = std::size_t{8} << 30, cudaSuccess;
}
cudaError_t cudaMemcpy(void* to, const void* from, std::size_t bytes, cudaMemcpyKind) {
  return std::memcpy(to, from, bytes), cudaSuccess;
}
cudaError_t cudaMemcpyAsync(void* to, const void* from, std::size_t bytes, cudaMemcpyKind, cudaStream_t stream) {
  return scalebench::shim::issue(stream, [=] { std::memcpy(to, from, bytes); }), cudaSuccess;
}
cudaError_t cudaMemsetAsync(void* to, int value, std::size_t bytes, cudaStream_t stream) {
  return scalebench::shim::issue(stream, [=] { std::memset(to, value, bytes); }), cudaSuccess;
}
