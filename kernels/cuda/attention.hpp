// The forms of attention, and which suits. A tensor-core form needs what its name says; the plain one takes all.
#pragma once

#include "kernels/ops.hpp"

namespace scalebench::cuda {

class CudaContext;

namespace plain {
void compute(const Attention& op, CudaContext& context);
void compute(const AttentionBackward& op, CudaContext& context);
}  // namespace plain

}  // namespace scalebench::cuda
