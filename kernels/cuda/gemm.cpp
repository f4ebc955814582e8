#include "base/check.hpp"
#include "kernels/cuda/compute.hpp"
#include "kernels/cuda/context.hpp"
#include "kernels/cuda/products.hpp"

namespace scalebench::cuda {

void compute(const Gemm& op, CudaContext& context) {
  ensure(op.a.columns() == op.b.rows() && op.a.rows() == op.c.rows() && op.b.columns() == op.c.columns(),
         "a product of {} and {} into {}", to_string(op.a), to_string(op.b), to_string(op.c));
  ensure(op.a.dtype() == op.b.dtype() && (op.c.dtype() == op.a.dtype() || op.c.dtype() == DType::f32),
         "a product of {} and {} into {}", to_string(op.a), to_string(op.b), to_string(op.c));
  context.products().multiply(op.a, op.b, op.c, op.accumulate);
}

}  // namespace scalebench::cuda
