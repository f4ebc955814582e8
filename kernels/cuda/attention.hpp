// The forms of attention, and which suits. A tensor-core form needs what its name says; the plain one takes all.
#pragma once

#include "kernels/ops.hpp"

namespace scalebench::cuda {

class CudaContext;

namespace plain {
void compute(const Attention& op, CudaContext& context);
void compute(const AttentionBackward& op, CudaContext& context);
}  // namespace plain

// bf16 or fp16 with heads of 64 or 128 that 16-byte copies can take.
namespace tensor_core {
void compute(const Attention& op, CudaContext& context);
void compute(const AttentionBackward& op, CudaContext& context);
}  // namespace tensor_core

}  // namespace scalebench::cuda
