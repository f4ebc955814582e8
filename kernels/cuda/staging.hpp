// Pinned host memory between pageable memory and the GPU: copies that the host does not wait for.
#pragma once

#include <array>
#include <cstddef>
#include <functional>
#include <utility>

#include <cuda_runtime.h>

namespace scalebench::cuda {

// Blocks until an event has come, and sees what goes on meanwhile: it throws where the event will never come.
using Await = std::function<void(cudaEvent_t)>;

class Staging {
 public:
  explicit Staging(Await await) : await_(std::move(await)) {}
  ~Staging();
  Staging(const Staging&) = delete;
  Staging& operator=(const Staging&) = delete;

  // `from` may change as soon as this returns. Not within a captured graph, whose every run would copy what is staged
  // by then.
  void copy(std::byte* to, const void* from, std::size_t bytes, cudaStream_t stream);

 private:
  struct Slot {
    void* memory = nullptr;
    std::size_t bytes = 0;
    cudaEvent_t copied = nullptr;
  };

  Await await_;
  std::array<Slot, 32> slots_{};  // by turns: the host waits where it is so many copies ahead
  std::size_t next_ = 0;
};

}  // namespace scalebench::cuda
