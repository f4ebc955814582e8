#include <initializer_list>

#include "kernels/cuda/attention.hpp"
#include "kernels/cuda/attention_choice.hpp"
#include "kernels/cuda/compute.hpp"
#include "kernels/cuda/numbers.cuh"

namespace scalebench::cuda {

namespace {

// Rows of bf16 or fp16 heads that lie on 16 bytes each.
bool suits_tensor_cores(const Tensor& heads) {
  constexpr std::int64_t kCount = Pack<Bf16>::kCount;
  return (heads.dtype() == DType::bf16 || heads.dtype() == DType::f16) && heads.rank() == 3 &&
         (heads.dim(2) == 64 || heads.dim(2) == 128) && heads.stride(2) == 1 && heads.stride(1) % kCount == 0 &&
         heads.stride(0) % kCount == 0 && reinterpret_cast<std::uintptr_t>(heads.address()) % sizeof(Pack<Bf16>) == 0;
}

template <class Op>
void compute_with_fitting(const Op& op, std::initializer_list<Tensor> tensors, CudaContext& context) {
  for (const Tensor& tensor : tensors)
    if (!suits_tensor_cores(tensor)) return plain::compute(op, context);
  context.attention().compute(op, context);
}

}  // namespace

void compute(const Attention& op, CudaContext& context) {
  compute_with_fitting(op, {op.query, op.key, op.value, op.output}, context);
}

void compute(const AttentionBackward& op, CudaContext& context) {
  compute_with_fitting(op, {op.query, op.key, op.value, op.output, op.d_output, op.d_query, op.d_key, op.d_value},
                       context);
}

}  // namespace scalebench::cuda
