#include "base/check.hpp"
#include "kernels/cuda/compute.hpp"
#include "kernels/cuda/context.hpp"
#include "kernels/cuda/products.hpp"
#include "kernels/cuda/scaled_alpha.hpp"
#include "kernels/cuda/scaled_products.hpp"

namespace scalebench::cuda {

void compute(const GemmScaled& op, CudaContext& context) {
  const auto by_128 = [](Scaling s) { return s == Scaling::rows || s == Scaling::blocks; };
  ensure((op.a.scaling == op.b.scaling || (by_128(op.a.scaling) && by_128(op.b.scaling))) &&
             op.a.columns == op.b.columns && op.c.rank() == 2 && op.c.rows() == op.a.rows &&
             op.c.columns() == op.b.rows,
         "gemm_scaled of {} ({}) and {} ({}) to {}", to_string(op.a.payload), name_of(op.a.scaling),
         to_string(op.b.payload), name_of(op.b.scaling), to_string(op.c));
  const std::string refusal = refusal_of(
      {op.a.scaling, op.b.scaling, op.a.payload.dtype(), op.b.payload.dtype(), op.a.rows, op.b.rows, op.a.columns},
      context.capability().major, context.capability().minor);
  if (!refusal.empty()) fail(Exit::bad_input, "{}", refusal);
  const float* factors = nullptr;
  if (op.a.scaling == Scaling::nv)
    factors = scaled_alpha(op.a.global, op.b.global, op.accumulate ? 1.0F : 0.0F, context);
  context.products().multiply({.a = op.a.payload,
                               .b = op.b.payload.transposed(),
                               .c = op.c,
                               .accumulate = op.accumulate,
                               .scaled = &op,
                               .factors = factors});
}

}  // namespace scalebench::cuda
