// Memory that comes and goes in the order of a stream. cudaMalloc and cudaFree wait for all streams of the GPU: within
// a step one of them may be waiting for a rank that waits for this one, which would be for ever.
#pragma once

#include <cstddef>

#include <cuda_runtime.h>

namespace scalebench {

class StreamMemory {
 public:
  explicit StreamMemory(cudaStream_t stream) : stream_(stream) {}
  // data() is null where memory is refused.
  StreamMemory(cudaStream_t stream, std::size_t bytes) : stream_(stream) { take(bytes); }
  ~StreamMemory() { give_back(); }
  StreamMemory(const StreamMemory&) = delete;
  StreamMemory& operator=(const StreamMemory&) = delete;

  void* data() const { return data_; }
  // In place of what was there.
  void take(std::size_t bytes) {
    give_back();
    if (cudaMallocAsync(&data_, bytes, stream_) != cudaSuccess) data_ = nullptr, cudaGetLastError();
  }

 private:
  void give_back() {
    if (data_ != nullptr) cudaFreeAsync(data_, stream_);
    data_ = nullptr;
  }

  cudaStream_t stream_;
  void* data_ = nullptr;
};

}  // namespace scalebench
