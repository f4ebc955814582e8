// Matrix products by cuBLASLt. Which of its algorithms is best is measured when a shape first comes, and remembered.
#pragma once

#include <array>
#include <cstdint>
#include <map>

#include <cublasLt.h>
#include <cuda_runtime.h>

#include "base/tensor.hpp"

namespace scalebench::cuda {

class Products {
 public:
  explicit Products(cudaStream_t stream);
  ~Products();
  Products(const Products&) = delete;
  Products& operator=(const Products&) = delete;

  // c = a b (+ c), as Gemm says.
  void multiply(const Tensor& a, const Tensor& b, const Tensor& c, bool accumulate);

 private:
  using Key = std::array<std::int64_t, 11>;

  cudaStream_t stream_;
  cublasLtHandle_t handle_{};
  void* workspace_ = nullptr;
  std::map<Key, cublasLtMatmulAlgo_t> algorithms_{};
};

}  // namespace scalebench::cuda
