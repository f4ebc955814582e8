// Whether cuBLASLt or our own kernel is faster for few rows is measured when a shape first comes, and remembered.
#pragma once

#include <array>
#include <cstdint>
#include <map>

#include <cuda_runtime.h>

#include "kernels/ops.hpp"

namespace scalebench::cuda {

class CudaContext;

class ProductChoice {
 public:
  explicit ProductChoice(cudaStream_t stream) : stream_(stream) {}

  // Operands as few_rows::compute wants them.
  void compute(const Gemm& op, CudaContext& context);

 private:
  using Key = std::array<std::int64_t, 6>;
  bool own_is_faster(const Gemm& op, CudaContext& context) const;

  cudaStream_t stream_;
  std::map<Key, bool> own_{};
};

}  // namespace scalebench::cuda
