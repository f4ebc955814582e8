// How long work on a stream takes, where one of several ways to do it is chosen by measurement.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <limits>

#include <cuda_runtime.h>

#include "base/cuda/check.hpp"
#include "base/cuda/stream_memory.hpp"
#include "kernels/cuda/staging.hpp"

namespace scalebench::cuda {

// Nothing can be measured while a graph is captured.
inline bool capturing(cudaStream_t stream) {
  cudaStreamCaptureStatus status = cudaStreamCaptureStatusNone;
  check_cuda(cudaStreamIsCapturing(stream, &status), "cudaStreamIsCapturing");
  return status != cudaStreamCaptureStatusNone;
}

class Stopwatch {
 public:
  // `await` must outlive it.
  Stopwatch(cudaStream_t stream, const Await& await) : stream_(stream), await_(await) {
    check_cuda(cudaEventCreate(&begin_), "cudaEventCreate");
    check_cuda(cudaEventCreate(&end_), "cudaEventCreate");
  }
  Stopwatch(cudaStream_t, const Await&&) = delete;
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
    await_(end_);
    float taken = 0;
    check_cuda(cudaEventElapsedTime(&taken, begin_, end_), "cudaEventElapsedTime");
    return taken / kRuns;
  }

 private:
  cudaStream_t stream_;
  const Await& await_;
  cudaEvent_t begin_{}, end_{};
};

// Of work that finds nothing of what it reads in the cache, as a step that reads the whole model; all its runs matter
// alike, so the median counts.
class ColdStopwatch {
 public:
  ColdStopwatch(cudaStream_t stream, const Await& await) : stream_(stream), await_(await), memory_(stream) {
    int device = 0, cache = 0;
    check_cuda(cudaGetDevice(&device), "cudaGetDevice");
    check_cuda(cudaDeviceGetAttribute(&cache, cudaDevAttrL2CacheSize, device), "cudaDeviceGetAttribute");
    bytes_ = 2 * static_cast<std::size_t>(cache);
    memory_.take(bytes_);
    for (cudaEvent_t* const event : {&begin_, &end_}) check_cuda(cudaEventCreate(event), "cudaEventCreate");
  }
  ColdStopwatch(cudaStream_t, const Await&&) = delete;
  ~ColdStopwatch() { cudaEventDestroy(begin_), cudaEventDestroy(end_); }
  ColdStopwatch(const ColdStopwatch&) = delete;
  ColdStopwatch& operator=(const ColdStopwatch&) = delete;

  // ms, after one run that is not counted, and that says whether it can be done.
  float time(const auto& work) const {
    std::array<float, 5> taken{};
    if (!work()) return std::numeric_limits<float>::infinity();
    for (float& one : taken) {
      if (memory_.data() != nullptr) check_cuda(cudaMemsetAsync(memory_.data(), 0, bytes_, stream_), "cudaMemsetAsync");
      check_cuda(cudaEventRecord(begin_, stream_), "cudaEventRecord");
      work();
      check_cuda(cudaEventRecord(end_, stream_), "cudaEventRecord");
      await_(end_);
      check_cuda(cudaEventElapsedTime(&one, begin_, end_), "cudaEventElapsedTime");
    }
    std::ranges::sort(taken);
    return taken[taken.size() / 2];
  }

 private:
  cudaStream_t stream_;
  const Await& await_;
  StreamMemory memory_;
  std::size_t bytes_ = 0;
  cudaEvent_t begin_{}, end_{};
};

}  // namespace scalebench::cuda
