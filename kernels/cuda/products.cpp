#include "kernels/cuda/products.hpp"

#include <algorithm>
#include <limits>
#include <utility>
#include <vector>

#include "base/check.hpp"
#include "base/cuda/check.hpp"
#include "kernels/cuda/stopwatch.hpp"

namespace scalebench::cuda {

namespace {

// What PyTorch gives cuBLASLt on Hopper; more brings nothing there (pytorch#120925).
constexpr std::size_t kWorkspace = std::size_t{32} << 20;
constexpr int kCandidates = 8;

void check(cublasStatus_t status, const char* call, const Tensor& a, const Tensor& b, const Tensor& c) {
  if (status != CUBLAS_STATUS_SUCCESS)
    fail(Exit::unfit, "{} failed with status {} for {} x {} = {} (cuBLASLt cannot do it here) try another --dtype",
         call, static_cast<int>(status), to_string(a), to_string(b), to_string(c));
}

cudaDataType_t type_of(DType dtype) { return dtype == DType::bf16 ? CUDA_R_16BF : CUDA_R_32F; }

// A matrix as cuBLASLt sees it: by columns. Ours is its transpose, by rows.
struct Layout {
  cublasLtMatrixLayout_t handle{};
  bool transposed{};  // of what the product needs
  std::int64_t pitch{};

  explicit Layout(const Tensor& matrix) {
    const std::int64_t rows = matrix.rows(), columns = matrix.columns();
    transposed = matrix.stride(1) != 1 && columns > 1;
    pitch = transposed ? std::max(matrix.stride(1), rows) : std::max(matrix.stride(0), columns);
    const auto fast = static_cast<std::uint64_t>(transposed ? rows : columns);
    const auto slow = static_cast<std::uint64_t>(transposed ? columns : rows);
    cublasLtMatrixLayoutCreate(&handle, type_of(matrix.dtype()), fast, slow, pitch);
  }
  ~Layout() { cublasLtMatrixLayoutDestroy(handle); }
  Layout(const Layout&) = delete;
  Layout& operator=(const Layout&) = delete;
  cublasOperation_t operation() const { return transposed ? CUBLAS_OP_T : CUBLAS_OP_N; }
};

// c' = b' a', where ' is the transpose.
class Product {
 public:
  Product(const Tensor& a, const Tensor& b, const Tensor& c, bool accumulate)
      : a_(a), b_(b), c_(c), of_a_(a), of_b_(b), of_c_(c), beta_(accumulate ? 1.0F : 0.0F) {
    ensure(!of_c_.transposed, "a product goes into {}, which lies by columns", to_string(c));
    check(cublasLtMatmulDescCreate(&description_, CUBLAS_COMPUTE_32F, CUDA_R_32F), "cublasLtMatmulDescCreate", a, b, c);
    set(CUBLASLT_MATMUL_DESC_TRANSA, of_b_.operation());
    set(CUBLASLT_MATMUL_DESC_TRANSB, of_a_.operation());
  }
  ~Product() { cublasLtMatmulDescDestroy(description_); }
  Product(const Product&) = delete;
  Product& operator=(const Product&) = delete;

  std::array<std::int64_t, 11> key() const {
    const auto aligned = [](const Tensor& t) {
      return static_cast<std::int64_t>(reinterpret_cast<std::uintptr_t>(t.address()) % 256);
    };
    return {c_.rows(),
            c_.columns(),
            a_.columns(),
            of_a_.pitch * 2 + (of_a_.transposed ? 1 : 0),
            of_b_.pitch * 2 + (of_b_.transposed ? 1 : 0),
            of_c_.pitch,
            static_cast<std::int64_t>(a_.dtype()) * 16 + static_cast<std::int64_t>(c_.dtype()),
            aligned(a_),
            aligned(b_),
            aligned(c_),
            beta_ != 0 ? 1 : 0};
  }

  std::vector<cublasLtMatmulAlgo_t> candidates(cublasLtHandle_t handle) const {
    cublasLtMatmulPreference_t preference{};
    cublasLtMatmulPreferenceCreate(&preference);
    const auto say = [&](cublasLtMatmulPreferenceAttributes_t what, auto value) {
      cublasLtMatmulPreferenceSetAttribute(preference, what, &value, sizeof(value));
    };
    say(CUBLASLT_MATMUL_PREF_MAX_WORKSPACE_BYTES, kWorkspace);
    say(CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_A_BYTES, alignment(b_));
    say(CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_B_BYTES, alignment(a_));
    say(CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_C_BYTES, alignment(c_));
    say(CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_D_BYTES, alignment(c_));
    std::array<cublasLtMatmulHeuristicResult_t, kCandidates> found{};
    int count = 0;
    const cublasStatus_t status =
        cublasLtMatmulAlgoGetHeuristic(handle, description_, of_b_.handle, of_a_.handle, of_c_.handle, of_c_.handle,
                                       preference, kCandidates, found.data(), &count);
    cublasLtMatmulPreferenceDestroy(preference);
    check(count == 0 && status == CUBLAS_STATUS_SUCCESS ? CUBLAS_STATUS_NOT_SUPPORTED : status,
          "cublasLtMatmulAlgoGetHeuristic", a_, b_, c_);
    std::vector<cublasLtMatmulAlgo_t> algorithms;
    for (int i = 0; i < count; ++i) algorithms.push_back(found[static_cast<std::size_t>(i)].algo);
    return algorithms;
  }

  cublasStatus_t run(cublasLtHandle_t handle, const cublasLtMatmulAlgo_t& algorithm, void* workspace,
                     cudaStream_t stream, void* to) const {
    const float one = 1;
    return cublasLtMatmul(handle, description_, &one, b_.address(), of_b_.handle, a_.address(), of_a_.handle, &beta_,
                          c_.address(), of_c_.handle, to, of_c_.handle, &algorithm, workspace, kWorkspace, stream);
  }

 private:
  void set(cublasLtMatmulDescAttributes_t what, cublasOperation_t value) {
    check(cublasLtMatmulDescSetAttribute(description_, what, &value, sizeof(value)), "cublasLtMatmulDescSetAttribute",
          a_, b_, c_);
  }
  static std::uint32_t alignment(const Tensor& tensor) {
    const auto address = reinterpret_cast<std::uintptr_t>(tensor.address());
    return static_cast<std::uint32_t>(std::min<std::uintptr_t>(256, address & (~address + 1)));
  }

  const Tensor &a_, &b_, &c_;
  Layout of_a_, of_b_, of_c_;
  float beta_;
  cublasLtMatmulDesc_t description_{};
};

// Where a product goes that is only measured, since its own place may be added to; none where memory is refused.
struct Spare {
  void* memory = nullptr;
  explicit Spare(const Tensor& like) {
    const auto pitch = static_cast<std::size_t>(like.stride(0));
    const std::size_t bytes = static_cast<std::size_t>(like.rows()) * pitch * size_of(like.dtype());
    if (cudaMalloc(&memory, bytes) != cudaSuccess) memory = nullptr, cudaGetLastError();
  }
  ~Spare() { cudaFree(memory); }
  Spare(const Spare&) = delete;
  Spare& operator=(const Spare&) = delete;
};

}  // namespace

Products::Products(cudaStream_t stream) : stream_(stream) {
  if (const cublasStatus_t status = cublasLtCreate(&handle_); status != CUBLAS_STATUS_SUCCESS)
    fail(Exit::unfit,
         "cublasLtCreate failed with status {} (cuBLASLt cannot use this GPU) compare the versions of "
         "driver and CUDA",
         static_cast<int>(status));
  check_cuda(cudaMalloc(&workspace_, kWorkspace), "cudaMalloc");
}

Products::~Products() {
  cublasLtDestroy(handle_);
  cudaFree(workspace_);
}

void Products::multiply(const Tensor& a, const Tensor& b, const Tensor& c, bool accumulate) {
  if (c.count() == 0) return;
  const Product product(a, b, c, accumulate);
  auto found = algorithms_.find(product.key());
  if (found == algorithms_.end()) {
    std::vector<cublasLtMatmulAlgo_t> candidates = product.candidates(handle_);
    if (candidates.size() > 1 && !capturing(stream_)) {
      const Spare spare(c);
      if (spare.memory != nullptr) {
        const Stopwatch watch(stream_);
        float best = std::numeric_limits<float>::infinity();
        for (auto& candidate : candidates) {
          const float time = watch.time([&] {
            return product.run(handle_, candidate, workspace_, stream_, spare.memory) == CUBLAS_STATUS_SUCCESS;
          });
          if (time < best) best = time, std::swap(candidates.front(), candidate);
        }
      }
    }
    found = algorithms_.emplace(product.key(), candidates.front()).first;
  }
  check(product.run(handle_, found->second, workspace_, stream_, c.address()), "cublasLtMatmul", a, b, c);
}

}  // namespace scalebench::cuda
