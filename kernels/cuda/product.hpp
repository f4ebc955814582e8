// One matrix product as cuBLASLt's descriptors say it. cuBLASLt sees matrices by columns, ours are by rows: so it is
// told c' = b' a', where ' is the transpose.
#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include <cublasLt.h>
#include <cuda_runtime.h>

#include "base/tensor.hpp"
#include "kernels/ops/quantized.hpp"

namespace scalebench::cuda {

// c = a b (+ c) (+ bias, of every row); activated = gelu(c). What is undefined is left out.
struct Multiplication {
  Tensor a, b, c;
  bool accumulate = false;
  bool tf32 = false;  // of fp32
  Tensor bias{}, activated{};
  // Of 8 and 4 bits: a and b are the payloads, b turned round; i8 holds two numbers of E2M1.
  const GemmScaled* scaled = nullptr;
  const float* factors = nullptr;  // of the product and of c before, on the device; null: 1, and as `accumulate` says
};

// Throws Error(unfit) that names the product, but where the status is success.
void check_product(cublasStatus_t status, const char* call, const Multiplication& what);

struct MatrixLayout {
  cublasLtMatrixLayout_t handle{};
  bool transposed{};  // of what the product needs
  std::int64_t pitch{};

  explicit MatrixLayout(const Tensor& matrix);
  ~MatrixLayout() { cublasLtMatrixLayoutDestroy(handle); }
  MatrixLayout(const MatrixLayout&) = delete;
  MatrixLayout& operator=(const MatrixLayout&) = delete;
  cublasOperation_t operation() const { return transposed ? CUBLAS_OP_T : CUBLAS_OP_N; }
};

class Product {
 public:
  // All that the choice of an algorithm depends on.
  using Key = std::array<std::int64_t, 15>;

  explicit Product(const Multiplication& what);
  ~Product() { cublasLtMatmulDescDestroy(description_); }
  Product(const Product&) = delete;
  Product& operator=(const Product&) = delete;

  // What the product itself writes: gelu's values where they are asked for, while c is written beside.
  const Tensor& result() const { return what_.activated.defined() ? what_.activated : what_.c; }
  Key key() const;
  // The heuristic's, best first by its own reckoning; none where cuBLASLt cannot do it.
  std::vector<cublasLtMatmulAlgo_t> candidates(cublasLtHandle_t handle) const;
  cublasStatus_t run(cublasLtHandle_t handle, const cublasLtMatmulAlgo_t& algorithm, void* workspace,
                     cudaStream_t stream, void* to) const;

 private:
  template <class Value>
  void set(cublasLtMatmulDescAttributes_t name, const Value& value) {
    check_product(cublasLtMatmulDescSetAttribute(description_, name, &value, sizeof(value)),
                  "cublasLtMatmulDescSetAttribute", what_);
  }
  void set_scales();

  const Multiplication& what_;
  MatrixLayout of_a_, of_b_, of_c_, of_result_;
  cublasLtMatmulDesc_t description_{};
};

}  // namespace scalebench::cuda
