// What all operations of one CUDA device share: the stream, scratch memory, matrix products.
#pragma once

#include <cstddef>
#include <memory>

#include <cuda_runtime.h>

#include "base/tensor.hpp"
#include "kernels/cuda/staging.hpp"

namespace scalebench::cuda {

class AttentionChoice;
class Products;

// ensure() for files that nvcc reads: BrokenContract with the tensor and what is wrong with it.
void need(bool kept, const Tensor& tensor, const char* problem);

class CudaContext {
 public:
  explicit CudaContext(cudaStream_t stream);
  ~CudaContext();
  CudaContext(const CudaContext&) = delete;
  CudaContext& operator=(const CudaContext&) = delete;

  cudaStream_t stream() const { return stream_; }
  int multiprocessors() const { return multiprocessors_; }
  Products& products() { return *products_; }
  AttentionChoice& attention() { return *attention_; }
  Staging& staging() { return staging_; }

  // Device memory for the length of one operation, kept for the next ones; 256-byte aligned, not initialised. All that
  // an operation needs is asked for at once. It grows only outside of a captured graph.
  std::byte* scratch(std::size_t bytes);

 private:
  cudaStream_t stream_;
  int multiprocessors_ = 0;
  std::byte* scratch_ = nullptr;
  std::size_t scratch_bytes_ = 0;
  std::unique_ptr<Products> products_;
  std::unique_ptr<AttentionChoice> attention_;
  Staging staging_{};
};

}  // namespace scalebench::cuda
