#include "kernels/cuda/context.hpp"

#include <exception>
#include <utility>

#include "base/check.hpp"
#include "base/cuda/check.hpp"
#include "kernels/cuda/attention_choice.hpp"
#include "kernels/cuda/product_choice.hpp"
#include "kernels/cuda/products.hpp"

namespace scalebench::cuda {

namespace {

constexpr std::size_t kCounters = std::size_t{1} << 18;

}  // namespace

void need(bool kept, const Tensor& tensor, const char* problem) { ensure(kept, "{} {}", to_string(tensor), problem); }

CudaContext::CudaContext(cudaStream_t stream, Await await)
    : stream_(stream),
      scratch_(stream),
      products_(std::make_unique<Products>(stream, await)),
      product_choice_(std::make_unique<ProductChoice>(stream)),
      attention_(std::make_unique<AttentionChoice>(stream)),
      staging_(await),
      await_(std::move(await)) {
  int device = 0;
  check_cuda(cudaGetDevice(&device), "cudaGetDevice");
  const auto ask = [&](int& value, cudaDeviceAttr what) {
    check_cuda(cudaDeviceGetAttribute(&value, what, device), "cudaDeviceGetAttribute");
  };
  ask(multiprocessors_, cudaDevAttrMultiProcessorCount);
  ask(capability_.major, cudaDevAttrComputeCapabilityMajor);
  ask(capability_.minor, cudaDevAttrComputeCapabilityMinor);
  void* memory = nullptr;
  check_cuda(cudaMalloc(&memory, kCounters * sizeof(unsigned)), "cudaMalloc");
  counters_ = static_cast<unsigned*>(memory);
  check_cuda(cudaMemsetAsync(counters_, 0, kCounters * sizeof(unsigned), stream_), "cudaMemsetAsync");
}

// It waits for the GPU, which may never come to the end of its work while an error is on its way.
CudaContext::~CudaContext() {
  if (std::uncaught_exceptions() == 0) cudaFree(counters_);
}

unsigned* CudaContext::counters(std::int64_t count) const {
  ensure(count <= static_cast<std::int64_t>(kCounters), "{} counters for one operation, of at most {}", count,
         kCounters);
  return counters_;
}

std::byte* CudaContext::scratch(std::size_t bytes) {
  if (bytes > scratch_bytes_) {
    scratch_bytes_ = 0;
    scratch_.take(bytes);
    check_cuda(scratch_.data() == nullptr ? cudaErrorMemoryAllocation : cudaSuccess, "cudaMallocAsync");
    scratch_bytes_ = bytes;
    ++scratch_growths_;
  }
  return static_cast<std::byte*>(scratch_.data());
}

}  // namespace scalebench::cuda
