// Built without cuDNN's frontend.
#include "kernels/cuda/attention_cudnn.hpp"

namespace scalebench::cuda {

struct CudnnAttention::Library {};

CudnnAttention::CudnnAttention(cudaStream_t /*stream*/) {}
CudnnAttention::CudnnAttention(const PaperGpu& /*gpu*/) {}
CudnnAttention::~CudnnAttention() = default;

std::string CudnnAttention::refusal(const CudnnShape& /*shape*/) { return "built without cuDNN's frontend"; }
std::size_t CudnnAttention::workspace(const CudnnShape& /*shape*/) { return 0; }
bool CudnnAttention::run(const CudnnShape& /*shape*/, const CudnnOperands& /*operands*/, void* /*workspace*/) {
  return false;
}

}  // namespace scalebench::cuda
