#include <cstdint>

#include "base/check.hpp"
#include "kernels/cuda/compute.hpp"
#include "kernels/cuda/context.hpp"
#include "kernels/cuda/few_rows.hpp"
#include "kernels/cuda/product_choice.hpp"
#include "kernels/cuda/products.hpp"

namespace scalebench::cuda {

namespace {

template <class Op>
void check_sizes(const Op& op) {
  ensure(op.a.columns() == op.b.rows() && op.a.rows() == op.c.rows() && op.b.columns() == op.c.columns(),
         "a product of {} and {} into {}", to_string(op.a), to_string(op.b), to_string(op.c));
  ensure(op.a.dtype() == op.b.dtype() && (op.c.dtype() == op.a.dtype() || op.c.dtype() == DType::f32),
         "a product of {} and {} into {}", to_string(op.a), to_string(op.b), to_string(op.c));
  ensure(!op.tf32 || op.a.dtype() == DType::f32, "a TF32 product of {}", to_string(op.a));
}

// What the vector accesses of cuBLASLt's epilogues need; of what is stored beside, the pitch in elements.
bool suits_epilogue(const Tensor& tensor) {
  return reinterpret_cast<std::uintptr_t>(tensor.address()) % 16 == 0 &&
         (tensor.rank() == 1 || tensor.stride(0) % 8 == 0);
}

}  // namespace

void compute(const Gemm& op, CudaContext& context) {
  check_sizes(op);
  if (few_rows::fits(op))
    context.product_choice().compute(op, context);
  else
    context.products().multiply({.a = op.a, .b = op.b, .c = op.c, .accumulate = op.accumulate, .tf32 = op.tf32});
}

void compute(const GemmBias& op, CudaContext& context) {
  check_sizes(op);
  const bool activates = op.activated.defined();
  const bool suits = suits_epilogue(op.bias) && suits_epilogue(op.c) && (!activates || suits_epilogue(op.activated));
  if (suits && context.products().try_multiply(
                   {.a = op.a, .b = op.b, .c = op.c, .tf32 = op.tf32, .bias = op.bias, .activated = op.activated}))
    return;
  compute(Gemm{.a = op.a, .b = op.b, .c = op.c, .tf32 = op.tf32}, context);
  compute(AddBias{.values = op.c, .bias = op.bias}, context);
  if (activates) compute(Gelu{.input = op.c, .output = op.activated}, context);
}

}  // namespace scalebench::cuda
