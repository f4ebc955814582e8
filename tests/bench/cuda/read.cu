#include <algorithm>

#include <cuda_runtime.h>

#include "base/cuda/check.hpp"
#include "tests/bench/cuda/read.hpp"

namespace scalebench::bench {

namespace {

constexpr int kThreads = 512, kAhead = 8, kPasses = 10;

// Several loads of 16 bytes under way per thread; the sum is stored only where it can't be.
__global__ void read_all(const uint4* from, std::int64_t count, unsigned* never) {
  const std::int64_t step = static_cast<std::int64_t>(gridDim.x) * kThreads;
  unsigned sum = 0;
  std::int64_t i = static_cast<std::int64_t>(blockIdx.x) * kThreads + threadIdx.x;
  for (; i + (kAhead - 1) * step < count; i += kAhead * step) {
    uint4 ahead[kAhead];
    for (int n = 0; n < kAhead; ++n) ahead[n] = from[i + n * step];
    for (int n = 0; n < kAhead; ++n) sum |= ahead[n].x & ahead[n].y & ahead[n].z & ahead[n].w;
  }
  for (; i < count; i += step) sum |= from[i].x;
  if (sum == 0x7FFFFFFFU) *never = sum;
}

}  // namespace

double read_bandwidth(const Tensor& from) {
  int device = 0, multiprocessors = 0;
  check_cuda(cudaGetDevice(&device), "cudaGetDevice");
  check_cuda(cudaDeviceGetAttribute(&multiprocessors, cudaDevAttrMultiProcessorCount, device),
             "cudaDeviceGetAttribute");
  cudaEvent_t begin{}, end{};
  check_cuda(cudaEventCreate(&begin), "cudaEventCreate");
  check_cuda(cudaEventCreate(&end), "cudaEventCreate");
  check_cuda(cudaDeviceSynchronize(), "cudaDeviceSynchronize");
  float best = 1e30F;
  for (int pass = 0; pass <= kPasses; ++pass) {
    check_cuda(cudaEventRecord(begin), "cudaEventRecord");
    read_all<<<multiprocessors * 4, kThreads>>>(reinterpret_cast<const uint4*>(from.address()),
                                                static_cast<std::int64_t>(from.bytes() / sizeof(uint4)),
                                                reinterpret_cast<unsigned*>(from.address()));
    check_cuda(cudaGetLastError(), "read_all");
    check_cuda(cudaEventRecord(end), "cudaEventRecord");
    check_cuda(cudaEventSynchronize(end), "cudaEventSynchronize");
    float taken = 0;
    check_cuda(cudaEventElapsedTime(&taken, begin, end), "cudaEventElapsedTime");
    if (pass > 0) best = std::min(best, taken);
  }
  cudaEventDestroy(begin), cudaEventDestroy(end);
  return static_cast<double>(from.bytes()) / best * 1e3;
}

}  // namespace scalebench::bench
