// Host memory that a GPU copies to and from at full speed, lent for the length of an operation.
#pragma once

#include <memory>
#include <vector>

#include "base/cuda/times.hpp"
#include "base/tensor.hpp"

namespace scalebench {

class Pinned {
 public:
  explicit Pinned(std::size_t bytes);
  ~Pinned();
  Pinned(const Pinned&) = delete;
  Pinned& operator=(const Pinned&) = delete;
  std::size_t bytes() const { return storage_.bytes; }
  Tensor view(DType dtype, std::int64_t count) { return {storage_, dtype, std::span(&count, 1)}; }

 private:
  Storage storage_;
};

// Also the stream of the copies; each is done when it comes back.
class PinnedPool {
 public:
  explicit PinnedPool(CudaTimes& times);
  ~PinnedPool();
  PinnedPool(const PinnedPool&) = delete;
  PinnedPool& operator=(const PinnedPool&) = delete;

  // One that nobody holds any more, or a new one.
  std::shared_ptr<Pinned> borrow(std::size_t bytes);
  void copy(const Tensor& from, const Tensor& to);

 private:
  CudaTimes& times_;
  cudaStream_t stream_{};
  std::vector<std::shared_ptr<Pinned>> all_{};
};

}  // namespace scalebench
