// How long work on a stream takes, where one of several ways to do it is chosen by measurement.
#pragma once

#include <limits>

#include <cuda_runtime.h>

#include "base/cuda/check.hpp"

namespace scalebench::cuda {

// Nothing can be measured while a graph is captured.
inline bool capturing(cudaStream_t stream) {
  cudaStreamCaptureStatus status = cudaStreamCaptureStatusNone;
  check_cuda(cudaStreamIsCapturing(stream, &status), "cudaStreamIsCapturing");
  return status != cudaStreamCaptureStatusNone;
}

class Stopwatch {
 public:
  explicit Stopwatch(cudaStream_t stream) : stream_(stream) {
    check_cuda(cudaEventCreate(&begin_), "cudaEventCreate");
    check_cuda(cudaEventCreate(&end_), "cudaEventCreate");
  }
  ~Stopwatch() { cudaEventDestroy(begin_), cudaEventDestroy(end_); }
  Stopwatch(const Stopwatch&) = delete;
  Stopwatch& operator=(const Stopwatch&) = delete;

  // ms of `work`, which says whether it can be done: done once before, then some times.
  float time(const auto& work) const {
    constexpr int kRuns = 5;
    if (!work()) return std::numeric_limits<float>::infinity();
    check_cuda(cudaEventRecord(begin_, stream_), "cudaEventRecord");
    for (int i = 0; i < kRuns; ++i) work();
    check_cuda(cudaEventRecord(end_, stream_), "cudaEventRecord");
    check_cuda(cudaEventSynchronize(end_), "cudaEventSynchronize");
    float taken = 0;
    check_cuda(cudaEventElapsedTime(&taken, begin_, end_), "cudaEventElapsedTime");
    return taken / kRuns;
  }

 private:
  cudaStream_t stream_;
  cudaEvent_t begin_{}, end_{};
};

}  // namespace scalebench::cuda
