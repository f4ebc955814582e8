// What all operations of one CUDA device share: the stream, scratch memory, matrix products.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>

#include <cuda_runtime.h>

#include "base/cuda/stream_memory.hpp"
#include "base/tensor.hpp"
#include "kernels/cuda/staging.hpp"

namespace scalebench::cuda {

class AttentionChoice;
class ProductChoice;
class Products;

// ensure() for files that nvcc reads: BrokenContract with the tensor and what is wrong with it.
void need(bool kept, const Tensor& tensor, const char* problem);

// Compute capability.
struct Capability {
  int major, minor;
};

class CudaContext {
 public:
  CudaContext(cudaStream_t stream, Await await);
  ~CudaContext();
  CudaContext(const CudaContext&) = delete;
  CudaContext& operator=(const CudaContext&) = delete;

  cudaStream_t stream() const { return stream_; }
  int multiprocessors() const { return multiprocessors_; }
  Capability capability() const { return capability_; }
  Products& products() { return *products_; }
  ProductChoice& product_choice() { return *product_choice_; }
  AttentionChoice& attention() { return *attention_; }
  Staging& staging() { return staging_; }
  const Await& await() const { return await_; }

  // Device memory for the length of one operation, kept for the next ones; 256-byte aligned, not initialised. All that
  // an operation needs is asked for at once. It grows only outside of a captured graph, and is elsewhere from then on.
  std::byte* scratch(std::size_t bytes);
  std::size_t scratch_bytes() const { return scratch_bytes_; }  // now
  // How often it has grown, and is elsewhere since: the same on all ranks that do the same.
  std::uint64_t scratch_growths() const { return scratch_growths_; }
  // As many zeros, which must be zeros again at the end of the operation.
  unsigned* counters(std::int64_t count) const;

 private:
  cudaStream_t stream_;
  int multiprocessors_ = 0;
  Capability capability_{};
  StreamMemory scratch_;
  std::size_t scratch_bytes_ = 0;
  std::uint64_t scratch_growths_ = 0;
  unsigned* counters_ = nullptr;
  std::unique_ptr<Products> products_;
  std::unique_ptr<ProductChoice> product_choice_;
  std::unique_ptr<AttentionChoice> attention_;
  Staging staging_;
  Await await_;
};

}  // namespace scalebench::cuda
