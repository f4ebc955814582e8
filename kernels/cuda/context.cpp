#include "kernels/cuda/context.hpp"

#include "base/check.hpp"
#include "base/cuda/check.hpp"
#include "kernels/cuda/attention_choice.hpp"
#include "kernels/cuda/products.hpp"

namespace scalebench::cuda {

void need(bool kept, const Tensor& tensor, const char* problem) { ensure(kept, "{} {}", to_string(tensor), problem); }

CudaContext::CudaContext(cudaStream_t stream)
    : stream_(stream),
      products_(std::make_unique<Products>(stream)),
      attention_(std::make_unique<AttentionChoice>(stream)) {
  int device = 0;
  check_cuda(cudaGetDevice(&device), "cudaGetDevice");
  check_cuda(cudaDeviceGetAttribute(&multiprocessors_, cudaDevAttrMultiProcessorCount, device),
             "cudaDeviceGetAttribute");
}

CudaContext::~CudaContext() { cudaFree(scratch_); }

std::byte* CudaContext::scratch(std::size_t bytes) {
  if (bytes > scratch_bytes_) {
    check_cuda(cudaStreamSynchronize(stream_), "cudaStreamSynchronize");
    check_cuda(cudaFree(scratch_), "cudaFree");
    scratch_ = nullptr, scratch_bytes_ = 0;
    void* memory = nullptr;
    check_cuda(cudaMalloc(&memory, bytes), "cudaMalloc");
    scratch_ = static_cast<std::byte*>(memory), scratch_bytes_ = bytes;
  }
  return scratch_;
}

}  // namespace scalebench::cuda
