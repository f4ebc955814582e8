// Which attention is faster, cuDNN's or our own, is measured when a shape first comes, and remembered.
#pragma once

#include <map>
#include <memory>

#include <cuda_runtime.h>

#include "kernels/cuda/attention_cudnn.hpp"
#include "kernels/ops.hpp"

namespace scalebench::cuda {

class CudaContext;

class AttentionChoice {
 public:
  explicit AttentionChoice(cudaStream_t stream) : stream_(stream) {}

  // Operands as tensor_core::compute wants them.
  void compute(const Attention& op, CudaContext& context) { compute_faster(op, context); }
  void compute(const AttentionBackward& op, CudaContext& context) { compute_faster(op, context); }

 private:
  template <class Op>
  void compute_faster(const Op& op, CudaContext& context);
  template <class Op>
  bool cudnn_is_faster(const Op& op, const CudnnShape& shape, CudaContext& context);
  bool run_cudnn(const Attention& op, const CudnnShape& shape, CudaContext& context);
  bool run_cudnn(const AttentionBackward& op, const CudnnShape& shape, CudaContext& context);

  cudaStream_t stream_;
  std::unique_ptr<CudnnAttention> cudnn_{};  // from the first attention on: it takes memory of the GPU
  std::map<CudnnShape, bool> by_cudnn_{};
};

}  // namespace scalebench::cuda
