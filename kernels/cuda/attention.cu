#include "kernels/cuda/attention.hpp"
#include "kernels/cuda/compute.hpp"

namespace scalebench::cuda {

void compute(const Attention& op, CudaContext& context) { plain::compute(op, context); }

void compute(const AttentionBackward& op, CudaContext& context) { plain::compute(op, context); }

}  // namespace scalebench::cuda
