#include <bit>
#include <chrono>
#include <cmath>
#include <cstdlib>
#include <numbers>
#include <thread>
#include <vector>

#include <cublasLt.h>

#include "base/small_float.hpp"

namespace {

constexpr int kAlgorithms = 2;             // more than one, so that they are measured against each other
constexpr std::uint64_t kMeasured = 4096;  // results of a product of which there are: larger ones take too long

float load(const void* data, const ShimMatrix& m, std::uint64_t row, std::uint64_t column) {
  const std::uint64_t at = row + column * static_cast<std::uint64_t>(m.pitch);
  if (m.type == CUDA_R_32F) return static_cast<const float*>(data)[at];
  if (m.type == CUDA_R_16F)
    return scalebench::number_of<scalebench::kFp16>(static_cast<const std::uint16_t*>(data)[at]);
  const auto* const bytes = static_cast<const std::uint8_t*>(data);
  if (m.type == CUDA_R_8F_E4M3) return static_cast<float>(decode(scalebench::kE4m3, bytes[at]));
  if (m.type == CUDA_R_8F_E5M2) return static_cast<float>(decode(scalebench::kE5m2, bytes[at]));
  if (m.type == CUDA_R_4F_E2M1)
    return static_cast<float>(decode(scalebench::kE2m1, bytes[at / 2] >> at % 2 * 4 & 0xFU));
  return std::bit_cast<float>(std::uint32_t{static_cast<const std::uint16_t*>(data)[at]} << 16);
}

// Of element `inner` of row `outer`, which is a row of a transposed, a column of b; "Narrow Precision Data Types Usage"
// of cuBLAS's manual.
float scale_of(const ShimScale& scale, std::uint64_t outer, std::uint64_t inner, std::uint64_t rows, std::uint64_t k) {
  const auto tiled = [&](std::uint64_t width) {
    const std::uint64_t block = inner / width, across = (k + 4 * width - 1) / (4 * width);
    return (outer / 128 * across + block / 4) * 512 + outer % 32 * 16 + outer % 128 / 32 * 4 + block % 4;
  };
  const std::uint64_t blocks = (k + 127) / 128;
  switch (scale.mode) {
    case CUBLASLT_MATMUL_MATRIX_SCALE_SCALAR_32F:
      return scale.data == nullptr ? 1 : *static_cast<const float*>(scale.data);
    case CUBLASLT_MATMUL_MATRIX_SCALE_VEC128_32F:
      return static_cast<const float*>(scale.data)[inner / 128 * rows + outer];
    case CUBLASLT_MATMUL_MATRIX_SCALE_BLK128x128_32F:
      return static_cast<const float*>(scale.data)[outer / 128 * ((blocks + 3) / 4 * 4) + inner / 128];
    case CUBLASLT_MATMUL_MATRIX_SCALE_VEC32_UE8M0: {
      const int code = static_cast<const std::uint8_t*>(scale.data)[tiled(32)];
      return code == 255 ? std::nanf("") : std::ldexp(1.0F, code - 127);
    }
    case CUBLASLT_MATMUL_MATRIX_SCALE_VEC16_UE4M3:
      return static_cast<float>(
          decode(scalebench::kE4m3, static_cast<const std::uint8_t*>(scale.data)[tiled(16)] & 0x7FU));
  }
  return 0;
}

void store(void* data, const ShimMatrix& m, std::uint64_t row, std::uint64_t column, float value) {
  const std::uint64_t at = row + column * static_cast<std::uint64_t>(m.pitch);
  if (m.type == CUDA_R_32F) {
    static_cast<float*>(data)[at] = value;
    return;
  }
  if (m.type == CUDA_R_16F) {
    static_cast<std::uint16_t*>(data)[at] = scalebench::code_of<scalebench::kFp16>(value);
    return;
  }
  const auto bits = std::bit_cast<std::uint32_t>(value);
  static_cast<std::uint16_t*>(data)[at] =
      std::isnan(value) ? 0x7FFF : static_cast<std::uint16_t>((bits + 0x7FFFU + ((bits >> 16) & 1U)) >> 16);
}

// 10 bits of mantissa, to nearest, ties away: cvt.rna.tf32.f32.
float to_tf32(float x) {
  if (!std::isfinite(x) || x == 0) return x;
  int exponent = 0;
  const float part = std::frexp(x, &exponent);
  return std::ldexp(std::round(std::ldexp(part, 11)), exponent - 11);
}

// The numbers of `outer` rows of a, or columns of b, k of each together. `along`: those lie as columns in memory.
std::vector<float> widened(const void* data, const ShimMatrix& m, bool along, const ShimScale& scale, bool tf32,
                           std::uint64_t outer, std::uint64_t k) {
  std::vector<float> numbers;
  numbers.reserve(outer * k);
  for (std::uint64_t o = 0; o < outer; ++o)
    for (std::uint64_t l = 0; l < k; ++l) {
      const float number = load(data, m, along ? l : o, along ? o : l) * scale_of(scale, o, l, outer, k);
      numbers.push_back(tf32 ? to_tf32(number) : number);
    }
  return numbers;
}

bool is_narrow(const ShimMatrix& m) {
  return m.type == CUDA_R_8F_E4M3 || m.type == CUDA_R_8F_E5M2 || m.type == CUDA_R_4F_E2M1;
}

// What the real one asks of products of 8 and 4 bits before Blackwell and, of NVFP4, behind it, too: a transposed, b
// not; rows of 16 bytes; scales where they may lie; never two scaled by 128 x 128.
bool takes_narrow(const ShimProduct& product, const ShimMatrix& a, const ShimMatrix& b, const ShimMatrix& d) {
  const auto bytes = [](const ShimMatrix& m) { return m.type == CUDA_R_4F_E2M1 ? m.pitch / 2 : m.pitch; };
  const auto lies_well = [](const ShimScale& s) { return reinterpret_cast<std::uintptr_t>(s.data) % 16 == 0; };
  const bool by_128 = product.of_a.mode >= CUBLASLT_MATMUL_MATRIX_SCALE_VEC128_32F;
  const bool blocks = product.of_a.mode == CUBLASLT_MATMUL_MATRIX_SCALE_BLK128x128_32F;
  return product.a == CUBLAS_OP_T && product.b == CUBLAS_OP_N && bytes(a) % 16 == 0 && bytes(b) % 16 == 0 &&
         d.rows % 16 == 0 && (!by_128 || (d.rows % 4 == 0 && d.columns % 4 == 0)) && lies_well(product.of_a) &&
         lies_well(product.of_b) && !(blocks && product.of_b.mode == product.of_a.mode) &&
         !(a.type == CUDA_R_8F_E5M2 && b.type == CUDA_R_8F_E5M2);
}

struct Known {
  ShimProduct product;
  ShimMatrix a, b, c, d;
  std::uint64_t k;
};

// By the epilogue: a bias for each row of d, gelu with what it is of kept beside.
float finished(const Known& known, float value, std::uint64_t row, std::uint64_t column) {
  if (known.product.epilogue == CUBLASLT_EPILOGUE_DEFAULT) return value;
  value += load(known.product.bias, known.d, row, 0);
  if (known.product.epilogue == CUBLASLT_EPILOGUE_BIAS) return value;
  const ShimMatrix beside{known.d.type, known.d.rows, known.d.columns, known.product.pitch_beside};
  store(known.product.beside, beside, row, column, value);
  const double x = value, u = std::sqrt(2 / std::numbers::pi) * (x + 0.044715 * x * x * x);
  return static_cast<float>(x * (1 + std::tanh(u)) / 2);
}

void multiply(const Known& known, const void* a, const void* b, const void* c, void* d, float by, float kept) {
  const ShimProduct& product = known.product;
  const std::uint64_t k = known.k;
  const std::vector<float> of_a =
      widened(a, known.a, product.a == CUBLAS_OP_T, product.of_a, product.tf32, known.d.rows, k);
  const std::vector<float> of_b =
      widened(b, known.b, product.b == CUBLAS_OP_N, product.of_b, product.tf32, known.d.columns, k);
  for (std::uint64_t j = 0; j < known.d.columns; ++j)
    for (std::uint64_t i = 0; i < known.d.rows; ++i) {
      float sum = 0;
      for (std::uint64_t l = 0; l < k; ++l) sum += of_a[i * k + l] * of_b[j * k + l];
      const float value = by * sum + (kept == 0 ? 0 : kept * load(c, known.c, i, j));
      store(d, known.d, i, j, finished(known, value, i, j));
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
cublasStatus_t cublasLtMatmulDescCreate(cublasLtMatmulDesc_t* product, cublasComputeType_t type, cudaDataType_t) {
  *product = new ShimProduct{.tf32 = type == CUBLAS_COMPUTE_32F_FAST_TF32};
  return CUBLAS_STATUS_SUCCESS;
}
cublasStatus_t cublasLtMatmulDescDestroy(cublasLtMatmulDesc_t product) {
  delete product;
  return CUBLAS_STATUS_SUCCESS;
}
cublasStatus_t cublasLtMatmulDescSetAttribute(cublasLtMatmulDesc_t product, cublasLtMatmulDescAttributes_t what,
                                              const void* value, std::size_t) {
  const auto take = [&]<class Value>(Value& to) {
    return to = *static_cast<const Value*>(value), CUBLAS_STATUS_SUCCESS;
  };
  switch (what) {
    case CUBLASLT_MATMUL_DESC_TRANSA:
      return take(product->a);
    case CUBLASLT_MATMUL_DESC_TRANSB:
      return take(product->b);
    case CUBLASLT_MATMUL_DESC_EPILOGUE:
      return take(product->epilogue);
    case CUBLASLT_MATMUL_DESC_BIAS_POINTER:
      return take(product->bias);
    case CUBLASLT_MATMUL_DESC_EPILOGUE_AUX_POINTER:
      return take(product->beside);
    case CUBLASLT_MATMUL_DESC_EPILOGUE_AUX_LD:
      return take(product->pitch_beside);
    case CUBLASLT_MATMUL_DESC_POINTER_MODE:
      return take(product->pointers);
    case CUBLASLT_MATMUL_DESC_FAST_ACCUM:  // here all sums are of fp32
      return CUBLAS_STATUS_SUCCESS;
    case CUBLASLT_MATMUL_DESC_A_SCALE_MODE:
      return take(product->of_a.mode);
    case CUBLASLT_MATMUL_DESC_B_SCALE_MODE:
      return take(product->of_b.mode);
    case CUBLASLT_MATMUL_DESC_A_SCALE_POINTER:
      return take(product->of_a.data);
    case CUBLASLT_MATMUL_DESC_B_SCALE_POINTER:
      return take(product->of_b.data);
  }
  return CUBLAS_STATUS_INVALID_VALUE;
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
                                              cublasLtMatrixLayout_t, cublasLtMatrixLayout_t, cublasLtMatrixLayout_t d,
                                              cublasLtMatmulPreference_t, int most,
                                              cublasLtMatmulHeuristicResult_t* results, int* found) {
  const int there = d->rows * d->columns > kMeasured ? 1 : kAlgorithms;
  for (*found = 0; *found < there && *found < most; ++*found) results[*found].algo.number = *found;
  return CUBLAS_STATUS_SUCCESS;
}
cublasStatus_t cublasLtMatmul(cublasLtHandle_t, cublasLtMatmulDesc_t product, const void* alpha, const void* a,
                              cublasLtMatrixLayout_t of_a, const void* b, cublasLtMatrixLayout_t of_b, const void* beta,
                              const void* c, cublasLtMatrixLayout_t of_c, void* d, cublasLtMatrixLayout_t of_d,
                              const cublasLtMatmulAlgo_t*, void*, std::size_t, cudaStream_t stream) {
  const std::uint64_t m = of_d->rows, n = of_d->columns;
  const bool turned_a = product->a == CUBLAS_OP_T, turned_b = product->b == CUBLAS_OP_T;
  const std::uint64_t k = turned_a ? of_a->rows : of_a->columns;
  const bool fits =
      (turned_a ? of_a->columns : of_a->rows) == m && (turned_b ? of_b->rows : of_b->columns) == n &&
      (turned_b ? of_b->columns : of_b->rows) == k &&
      (is_narrow(*of_a) ? is_narrow(*of_b) && takes_narrow(*product, *of_a, *of_b, *of_d) : of_a->type == of_b->type);
  if (!fits) return CUBLAS_STATUS_INVALID_VALUE;
  scalebench::shim::issue(stream, [=, one = *product, la = *of_a, lb = *of_b, lc = *of_c, ld = *of_d,
                                   on_device = product->pointers == CUBLASLT_POINTER_MODE_DEVICE,
                                   by = *static_cast<const float*>(alpha), kept = *static_cast<const float*>(beta)] {
    static const bool slow = std::getenv("SCALEBENCH_SHIM_CUBLASLT") != nullptr;
    if (slow && n <= 8) std::this_thread::sleep_for(std::chrono::milliseconds(20));
    multiply({one, la, lb, lc, ld, k}, a, b, c, d, on_device ? *static_cast<const float*>(alpha) : by,
             on_device ? *static_cast<const float*>(beta) : kept);
  });
  return CUBLAS_STATUS_SUCCESS;
}
