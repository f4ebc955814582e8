#include "kernels/cuda/product.hpp"

#include <algorithm>

#include "base/check.hpp"
#include "kernels/workspace.hpp"

namespace scalebench::cuda {

namespace {

constexpr int kCandidates = 8;

cudaDataType_t type_of(DType dtype) {
  switch (dtype) {
    case DType::bf16:
      return CUDA_R_16BF;
    case DType::f16:
      return CUDA_R_16F;
    case DType::e4m3:
      return CUDA_R_8F_E4M3;
    case DType::e5m2:
      return CUDA_R_8F_E5M2;
    case DType::i8:
      return CUDA_R_4F_E2M1;
    default:
      return CUDA_R_32F;
  }
}

std::uint32_t alignment(const Tensor& tensor) {
  const auto address = reinterpret_cast<std::uintptr_t>(tensor.address());
  return static_cast<std::uint32_t>(std::min<std::uintptr_t>(256, address & (~address + 1)));
}

cublasLtMatmulMatrixScale_t mode_of(Scaling scaling) {
  switch (scaling) {
    case Scaling::tensor:
      return CUBLASLT_MATMUL_MATRIX_SCALE_SCALAR_32F;
    case Scaling::rows:
      return CUBLASLT_MATMUL_MATRIX_SCALE_VEC128_32F;
    case Scaling::blocks:
      return CUBLASLT_MATMUL_MATRIX_SCALE_BLK128x128_32F;
    case Scaling::mx:
      return CUBLASLT_MATMUL_MATRIX_SCALE_VEC32_UE8M0;
    case Scaling::nv:
      break;
  }
  return CUBLASLT_MATMUL_MATRIX_SCALE_VEC16_UE4M3;
}

cublasLtEpilogue_t epilogue_of(const Multiplication& what) {
  if (what.activated.defined()) return CUBLASLT_EPILOGUE_GELU_AUX_BIAS;
  return what.bias.defined() ? CUBLASLT_EPILOGUE_BIAS : CUBLASLT_EPILOGUE_DEFAULT;
}

}  // namespace

void check_product(cublasStatus_t status, const char* call, const Multiplication& what) {
  if (status != CUBLAS_STATUS_SUCCESS)
    fail(Exit::unfit, "{} failed with status {} for {} x {} = {} (cuBLASLt cannot do it here) try another --dtype",
         call, static_cast<int>(status), to_string(what.a), to_string(what.b), to_string(what.c));
}

MatrixLayout::MatrixLayout(const Tensor& matrix) {
  const std::int64_t rows = matrix.rows(), columns = matrix.columns();
  transposed = matrix.stride(1) != 1 && columns > 1;
  pitch = transposed ? std::max(matrix.stride(1), rows) : std::max(matrix.stride(0), columns);
  const std::int64_t numbers = matrix.dtype() == DType::i8 ? 2 : 1;  // of a byte
  pitch *= numbers;
  const auto fast = static_cast<std::uint64_t>(numbers * (transposed ? rows : columns));
  const auto slow = static_cast<std::uint64_t>(transposed ? columns : rows);
  cublasLtMatrixLayoutCreate(&handle, type_of(matrix.dtype()), fast, slow, pitch);
}

Product::Product(const Multiplication& what)
    : what_(what), of_a_(what.a), of_b_(what.b), of_c_(what.c), of_result_(result()) {
  ensure(!of_c_.transposed && !of_result_.transposed, "a product goes into {}, which lies by columns",
         to_string(what.c));
  const cublasComputeType_t type = what.tf32 ? CUBLAS_COMPUTE_32F_FAST_TF32 : CUBLAS_COMPUTE_32F;
  check_product(cublasLtMatmulDescCreate(&description_, type, CUDA_R_32F), "cublasLtMatmulDescCreate", what);
  set(CUBLASLT_MATMUL_DESC_TRANSA, of_b_.operation());
  set(CUBLASLT_MATMUL_DESC_TRANSB, of_a_.operation());
  if (what.scaled != nullptr) set_scales();
  if (!what.bias.defined()) return;
  set(CUBLASLT_MATMUL_DESC_EPILOGUE, epilogue_of(what));
  set(CUBLASLT_MATMUL_DESC_BIAS_POINTER, static_cast<const void*>(what.bias.address()));
  if (!what.activated.defined()) return;
  set(CUBLASLT_MATMUL_DESC_EPILOGUE_AUX_POINTER, static_cast<void*>(what.c.address()));
  set(CUBLASLT_MATMUL_DESC_EPILOGUE_AUX_LD, of_c_.pitch);
}

void Product::set_scales() {
  const GemmScaled& op = *what_.scaled;
  set(CUBLASLT_MATMUL_DESC_A_SCALE_MODE, mode_of(op.b.scaling));
  set(CUBLASLT_MATMUL_DESC_B_SCALE_MODE, mode_of(op.a.scaling));
  set(CUBLASLT_MATMUL_DESC_A_SCALE_POINTER, static_cast<const void*>(op.b.scales.address()));
  set(CUBLASLT_MATMUL_DESC_B_SCALE_POINTER, static_cast<const void*>(op.a.scales.address()));
  // Of what goes forward, sums of fewer bits do: as Transformer Engine and PyTorch take them.
  const auto forward = [](const QuantizedMatrix& m) {
    return m.scaling == Scaling::tensor && m.payload.dtype() == DType::e4m3;
  };
  if (forward(op.a) && forward(op.b)) set(CUBLASLT_MATMUL_DESC_FAST_ACCUM, std::int8_t{1});
  if (what_.factors != nullptr) set(CUBLASLT_MATMUL_DESC_POINTER_MODE, CUBLASLT_POINTER_MODE_DEVICE);
}

Product::Key Product::key() const {
  const auto aligned = [](const Tensor& t) { return t.defined() ? std::int64_t{alignment(t)} : 0; };
  return {what_.c.rows(),
          what_.c.columns(),
          what_.a.columns(),
          of_a_.pitch * 2 + (of_a_.transposed ? 1 : 0),
          of_b_.pitch * 2 + (of_b_.transposed ? 1 : 0),
          of_c_.pitch,
          of_result_.pitch,
          (static_cast<std::int64_t>(what_.a.dtype()) * 16 + static_cast<std::int64_t>(what_.b.dtype())) * 16 +
              static_cast<std::int64_t>(what_.c.dtype()),
          aligned(what_.a),
          aligned(what_.b),
          aligned(what_.c),
          aligned(what_.bias),
          aligned(what_.activated),
          (what_.accumulate ? 1 : 0) + (what_.tf32 ? 2 : 0),
          what_.scaled == nullptr ? 0
                                  : 1 + static_cast<std::int64_t>(what_.scaled->a.scaling) * 16 +
                                        static_cast<std::int64_t>(what_.scaled->b.scaling)};
}

std::vector<cublasLtMatmulAlgo_t> Product::candidates(cublasLtHandle_t handle) const {
  cublasLtMatmulPreference_t preference{};
  cublasLtMatmulPreferenceCreate(&preference);
  const auto say = [&](cublasLtMatmulPreferenceAttributes_t name, auto value) {
    cublasLtMatmulPreferenceSetAttribute(preference, name, &value, sizeof(value));
  };
  say(CUBLASLT_MATMUL_PREF_MAX_WORKSPACE_BYTES, kProductWorkspace);
  say(CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_A_BYTES, alignment(what_.b));
  say(CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_B_BYTES, alignment(what_.a));
  say(CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_C_BYTES, alignment(result()));
  say(CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_D_BYTES, alignment(result()));
  std::array<cublasLtMatmulHeuristicResult_t, kCandidates> found{};
  int count = 0;
  const cublasStatus_t status =
      cublasLtMatmulAlgoGetHeuristic(handle, description_, of_b_.handle, of_a_.handle, of_result_.handle,
                                     of_result_.handle, preference, kCandidates, found.data(), &count);
  cublasLtMatmulPreferenceDestroy(preference);
  if (status != CUBLAS_STATUS_NOT_SUPPORTED) check_product(status, "cublasLtMatmulAlgoGetHeuristic", what_);
  std::vector<cublasLtMatmulAlgo_t> algorithms;
  for (int i = 0; i < count; ++i) algorithms.push_back(found[static_cast<std::size_t>(i)].algo);
  return algorithms;
}

cublasStatus_t Product::run(cublasLtHandle_t handle, const cublasLtMatmulAlgo_t& algorithm, void* workspace,
                            cudaStream_t stream, void* to) const {
  const float one = 1, kept = what_.accumulate ? 1 : 0;
  const float* const alpha = what_.factors != nullptr ? what_.factors : &one;
  const float* const beta = what_.factors != nullptr ? what_.factors + 1 : &kept;
  return cublasLtMatmul(handle, description_, alpha, what_.b.address(), of_b_.handle, what_.a.address(), of_a_.handle,
                        beta, result().address(), of_result_.handle, to, of_result_.handle, &algorithm, workspace,
                        kProductWorkspace, stream);
}

}  // namespace scalebench::cuda
