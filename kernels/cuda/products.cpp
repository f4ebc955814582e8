#include "kernels/cuda/products.hpp"

#include <algorithm>
#include <exception>
#include <limits>
#include <utility>
#include <vector>

#include "base/check.hpp"
#include "base/cuda/check.hpp"
#include "base/cuda/stream_memory.hpp"
#include "kernels/cuda/stopwatch.hpp"
#include "kernels/workspace.hpp"

namespace scalebench::cuda {

namespace {

// Of where a product goes that is only measured, since its own place may be added to.
std::size_t bytes_like(const Tensor& result) {
  return static_cast<std::size_t>(result.rows() * std::max(result.stride(0), result.columns())) *
         size_of(result.dtype());
}

// Less than that is no reason to leave the heuristic's choice.
constexpr float kMuchLess = 0.99F;

}  // namespace

Products::Products(cudaStream_t stream, Await await) : stream_(stream), await_(std::move(await)) {
  if (const cublasStatus_t status = cublasLtCreate(&handle_); status != CUBLAS_STATUS_SUCCESS)
    fail(Exit::unfit,
         "cublasLtCreate failed with status {} (cuBLASLt cannot use this GPU) compare the versions of "
         "driver and CUDA",
         static_cast<int>(status));
  check_cuda(cudaMalloc(&workspace_, kProductWorkspace), "cudaMalloc");
}

Products::~Products() {
  if (std::uncaught_exceptions() > 0) return;  // as ~CudaContext
  cublasLtDestroy(handle_);
  cudaFree(workspace_);
}

void Products::multiply(const Multiplication& what) {
  check_product(try_multiply(what) ? CUBLAS_STATUS_SUCCESS : CUBLAS_STATUS_NOT_SUPPORTED,
                "cublasLtMatmulAlgoGetHeuristic", what);
}

bool Products::try_multiply(const Multiplication& what) {
  if (what.c.count() == 0) return true;
  const Product product(what);
  auto found = algorithms_.find(product.key());
  if (found == algorithms_.end()) found = algorithms_.emplace(product.key(), best_of(product)).first;
  if (!found->second) return false;
  check_product(product.run(handle_, *found->second, workspace_, stream_, product.result().address()), "cublasLtMatmul",
                what);
  return true;
}

std::optional<cublasLtMatmulAlgo_t> Products::best_of(const Product& product) {
  std::vector<cublasLtMatmulAlgo_t> candidates = product.candidates(handle_);
  if (candidates.empty()) return std::nullopt;
  if (candidates.size() == 1 || capturing(stream_)) return candidates.front();
  const StreamMemory spare(stream_, bytes_like(product.result()));
  if (spare.data() == nullptr) return candidates.front();
  const ColdStopwatch watch(stream_, await_);
  float best = std::numeric_limits<float>::infinity();
  for (auto& candidate : candidates) {
    const float time = watch.time(
        [&] { return product.run(handle_, candidate, workspace_, stream_, spare.data()) == CUBLAS_STATUS_SUCCESS; });
    if (time < kMuchLess * best) best = time, std::swap(candidates.front(), candidate);
  }
  return candidates.front();
}

}  // namespace scalebench::cuda
