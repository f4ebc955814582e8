#include <bit>
#include <cmath>

#include <cublasLt.h>

namespace {

constexpr int kAlgorithms = 2;  // more than one, so that they are measured against each other

float load(const void* data, const ShimMatrix& m, std::uint64_t row, std::uint64_t column) {
  const std::uint64_t at = row + column * static_cast<std::uint64_t>(m.pitch);
  if (m.type == CUDA_R_32F) return static_cast<const float*>(data)[at];
  return std::bit_cast<float>(std::uint32_t{static_cast<const std::uint16_t*>(data)[at]} << 16);
}

void store(void* data, const ShimMatrix& m, std::uint64_t row, std::uint64_t column, float value) {
  const std::uint64_t at = row + column * static_cast<std::uint64_t>(m.pitch);
  if (m.type == CUDA_R_32F) {
    static_cast<float*>(data)[at] = value;
    return;
  }
  const auto bits = std::bit_cast<std::uint32_t>(value);
  static_cast<std::uint16_t*>(data)[at] =
      std::isnan(value) ? 0x7FFF : static_cast<std::uint16_t>((bits + 0x7FFFU + ((bits >> 16) & 1U)) >> 16);
}

struct Known {
  ShimProduct product;
  ShimMatrix a, b, c, d;
  std::uint64_t k;
};

void multiply(const Known& known, const void* a, const void* b, const void* c, void* d, float by, float kept) {
  const bool turned_a = known.product.a == CUBLAS_OP_T, turned_b = known.product.b == CUBLAS_OP_T;
  for (std::uint64_t j = 0; j < known.d.columns; ++j)
    for (std::uint64_t i = 0; i < known.d.rows; ++i) {
      float sum = 0;
      for (std::uint64_t l = 0; l < known.k; ++l)
        sum +=
            load(a, known.a, turned_a ? l : i, turned_a ? i : l) * load(b, known.b, turned_b ? j : l, turned_b ? l : j);
      store(d, known.d, i, j, by * sum + (kept == 0 ? 0 : kept * load(c, known.c, i, j)));
    }
}

}  // namespace

cublasStatus_t cublasLtCreate(cublasLtHandle_t* handle) { return *handle = nullptr, CUBLAS_STATUS_SUCCESS; }
cublasStatus_t cublasLtDestroy(cublasLtHandle_t) { return CUBLAS_STATUS_SUCCESS; }
cublasStatus_t cublasLtMatrixLayoutCreate(cublasLtMatrixLayout_t* layout, cudaDataType_t type, std::uint64_t rows,
                                          std::uint64_t columns, std::int64_t pitch) {
  *layout = new ShimMatrix{type, rows, columns, pitch};
  return pitch < static_cast<std::int64_t>(rows) ? CUBLAS_STATUS_INVALID_VALUE : CUBLAS_STATUS_SUCCESS;
}
cublasStatus_t cublasLtMatrixLayoutDestroy(cublasLtMatrixLayout_t layout) {
  delete layout;
  return CUBLAS_STATUS_SUCCESS;
}
cublasStatus_t cublasLtMatmulDescCreate(cublasLtMatmulDesc_t* product, cublasComputeType_t, cudaDataType_t) {
  *product = new ShimProduct;
  return CUBLAS_STATUS_SUCCESS;
}
cublasStatus_t cublasLtMatmulDescDestroy(cublasLtMatmulDesc_t product) {
  delete product;
  return CUBLAS_STATUS_SUCCESS;
}
cublasStatus_t cublasLtMatmulDescSetAttribute(cublasLtMatmulDesc_t product, cublasLtMatmulDescAttributes_t what,
                                              const void* value, std::size_t) {
  (what == CUBLASLT_MATMUL_DESC_TRANSA ? product->a : product->b) = *static_cast<const cublasOperation_t*>(value);
  return CUBLAS_STATUS_SUCCESS;
}
cublasStatus_t cublasLtMatmulPreferenceCreate(cublasLtMatmulPreference_t* preference) {
  return *preference = nullptr, CUBLAS_STATUS_SUCCESS;
}
cublasStatus_t cublasLtMatmulPreferenceDestroy(cublasLtMatmulPreference_t) { return CUBLAS_STATUS_SUCCESS; }
cublasStatus_t cublasLtMatmulPreferenceSetAttribute(cublasLtMatmulPreference_t, cublasLtMatmulPreferenceAttributes_t,
                                                    const void*, std::size_t) {
  return CUBLAS_STATUS_SUCCESS;
}
cublasStatus_t cublasLtMatmulAlgoGetHeuristic(cublasLtHandle_t, cublasLtMatmulDesc_t, cublasLtMatrixLayout_t,
                                              cublasLtMatrixLayout_t, cublasLtMatrixLayout_t, cublasLtMatrixLayout_t,
                                              cublasLtMatmulPreference_t, int most,
                                              cublasLtMatmulHeuristicResult_t* results, int* found) {
  for (*found = 0; *found < kAlgorithms && *found < most; ++*found) results[*found].algo.number = *found;
  return CUBLAS_STATUS_SUCCESS;
}
cublasStatus_t cublasLtMatmul(cublasLtHandle_t, cublasLtMatmulDesc_t product, const void* alpha, const void* a,
                              cublasLtMatrixLayout_t of_a, const void* b, cublasLtMatrixLayout_t of_b, const void* beta,
                              const void* c, cublasLtMatrixLayout_t of_c, void* d, cublasLtMatrixLayout_t of_d,
                              const cublasLtMatmulAlgo_t*, void*, std::size_t, cudaStream_t) {
  const std::uint64_t m = of_d->rows, n = of_d->columns;
  const bool turned_a = product->a == CUBLAS_OP_T, turned_b = product->b == CUBLAS_OP_T;
  const std::uint64_t k = turned_a ? of_a->rows : of_a->columns;
  const bool fits = (turned_a ? of_a->columns : of_a->rows) == m && (turned_b ? of_b->rows : of_b->columns) == n &&
                    (turned_b ? of_b->columns : of_b->rows) == k && of_a->type == of_b->type;
  if (!fits) return CUBLAS_STATUS_INVALID_VALUE;
  scalebench::shim::issue([=, one = *product, la = *of_a, lb = *of_b, lc = *of_c, ld = *of_d,
                           by = *static_cast<const float*>(alpha), kept = *static_cast<const float*>(beta)] {
    multiply({one, la, lb, lc, ld, k}, a, b, c, d, by, kept);
  });
  return CUBLAS_STATUS_SUCCESS;
}
