// Matrix products by cuBLASLt. Which of its algorithms is best is measured when a shape first comes, and remembered.
#pragma once

#include <map>
#include <optional>

#include "kernels/cuda/product.hpp"
#include "kernels/cuda/staging.hpp"

namespace scalebench::cuda {

class Products {
 public:
  Products(cudaStream_t stream, Await await);
  ~Products();
  Products(const Products&) = delete;
  Products& operator=(const Products&) = delete;

  void multiply(const Multiplication& what);
  // False: cuBLASLt cannot do it at once, and nothing is done.
  bool try_multiply(const Multiplication& what);

 private:
  std::optional<cublasLtMatmulAlgo_t> best_of(const Product& product);

  cudaStream_t stream_;
  Await await_;
  cublasLtHandle_t handle_{};
  void* workspace_ = nullptr;
  std::map<Product::Key, std::optional<cublasLtMatmulAlgo_t>> algorithms_{};
};

}  // namespace scalebench::cuda
