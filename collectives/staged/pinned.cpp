#include "collectives/staged/pinned.hpp"

#include <algorithm>
#include <exception>

#include "base/cuda/check.hpp"

namespace scalebench {

Pinned::Pinned(std::size_t bytes) : storage_{.bytes = bytes, .generation = 1, .label = "staging memory"} {
  void* place = nullptr;
  check_cuda(cudaMallocHost(&place, bytes), "cudaMallocHost");
  storage_.data = static_cast<std::byte*>(place);
}

// It waits for the GPU, which may never come to the end of its work while an error is on its way.
Pinned::~Pinned() {
  if (std::uncaught_exceptions() == 0) cudaFreeHost(storage_.data);
}

PinnedPool::PinnedPool(CudaTimes& times) : times_(times) {
  check_cuda(cudaStreamCreateWithFlags(&stream_, cudaStreamNonBlocking), "cudaStreamCreateWithFlags");
}

PinnedPool::~PinnedPool() { cudaStreamDestroy(stream_); }

// The smallest that is large enough, else a new one in place of one that is too small.
std::shared_ptr<Pinned> PinnedPool::borrow(std::size_t bytes) {
  std::shared_ptr<Pinned>* best = nullptr;
  for (auto& one : all_)
    if (one.use_count() == 1 && one->bytes() >= bytes && (best == nullptr || one->bytes() < (*best)->bytes()))
      best = &one;
  if (best != nullptr) return *best;
  const auto free = std::find_if(all_.begin(), all_.end(), [](const auto& one) { return one.use_count() == 1; });
  if (free != all_.end()) all_.erase(free);
  return all_.emplace_back(std::make_shared<Pinned>(std::max<std::size_t>(bytes, 4096)));
}

void PinnedPool::copy(const Tensor& from, const Tensor& to) {
  check_cuda(cudaMemcpyAsync(to.address(), from.address(), from.bytes(), cudaMemcpyDefault, stream_),
             "cudaMemcpyAsync");
  times_.await(stream_);
}

}  // namespace scalebench
