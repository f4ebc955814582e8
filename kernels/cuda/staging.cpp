#include "kernels/cuda/staging.hpp"

#include <algorithm>
#include <cstring>
#include <exception>

#include "base/check.hpp"
#include "base/cuda/check.hpp"

namespace scalebench::cuda {

Staging::~Staging() {
  if (std::uncaught_exceptions() > 0) return;  // what was staged may never be copied
  for (const Slot& slot : slots_) {
    if (slot.copied == nullptr) continue;
    cudaEventSynchronize(slot.copied);
    cudaEventDestroy(slot.copied);
    cudaFreeHost(slot.memory);
  }
}

void Staging::copy(std::byte* to, const void* from, std::size_t bytes, cudaStream_t stream) {
  constexpr std::size_t kLeast = 4096;
  if (bytes == 0) return;
  cudaStreamCaptureStatus status = cudaStreamCaptureStatusNone;
  check_cuda(cudaStreamIsCapturing(stream, &status), "cudaStreamIsCapturing");
  ensure(status == cudaStreamCaptureStatusNone, "numbers of the host are uploaded within a captured graph");
  Slot& slot = slots_[next_++ % slots_.size()];
  if (slot.copied == nullptr)
    check_cuda(cudaEventCreateWithFlags(&slot.copied, cudaEventDisableTiming), "cudaEventCreateWithFlags");
  else
    await_(slot.copied);
  if (slot.bytes < bytes) {
    check_cuda(cudaFreeHost(slot.memory), "cudaFreeHost");
    slot.memory = nullptr, slot.bytes = 0;
    const std::size_t size = std::max(kLeast, bytes + bytes / 2);
    check_cuda(cudaMallocHost(&slot.memory, size), "cudaMallocHost");
    slot.bytes = size;
  }
  std::memcpy(slot.memory, from, bytes);
  check_cuda(cudaMemcpyAsync(to, slot.memory, bytes, cudaMemcpyHostToDevice, stream), "cudaMemcpyAsync");
  check_cuda(cudaEventRecord(slot.copied, stream), "cudaEventRecord");
}

}  // namespace scalebench::cuda
