// Operations that CUDA does not have yet.
#include <stdexcept>

#include "kernels/cuda/compute.hpp"

namespace scalebench::cuda {

[[gnu::weak]] void compute(const Fill&, CudaContext&) { throw std::logic_error("no Fill yet"); }
[[gnu::weak]] void compute(const Normal&, CudaContext&) { throw std::logic_error("no Normal yet"); }
[[gnu::weak]] void compute(const Convert&, CudaContext&) { throw std::logic_error("no Convert yet"); }
[[gnu::weak]] void compute(const Add&, CudaContext&) { throw std::logic_error("no Add yet"); }
[[gnu::weak]] void compute(const Advance&, CudaContext&) { throw std::logic_error("no Advance yet"); }
[[gnu::weak]] void compute(const Gemm&, CudaContext&) { throw std::logic_error("no Gemm yet"); }

}  // namespace scalebench::cuda
