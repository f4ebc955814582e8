#include <cstring>

#include "base/check.hpp"
#include "kernels/cpu/compute.hpp"
#include "kernels/cpu/context.hpp"
#include "kernels/cpu/few_rows.hpp"
#include "kernels/cpu/numbers.hpp"

namespace scalebench::cpu {

namespace {

// Strides along an axis of size 1 mean nothing: set to what makes the matrix dense, which is faster.
Matrix matrix_of(const Tensor& tensor) {
  ensure(tensor.rank() == 2, "gemm of {}, which is no matrix", to_string(tensor));
  Matrix matrix{tensor.dtype(), tensor.rows(), tensor.columns(), tensor.stride(0), tensor.stride(1)};
  if (matrix.columns == 1) matrix.column_stride = 1;
  if (matrix.rows == 1) matrix.row_stride = matrix.column_stride == 1 ? matrix.columns : 1;
  ensure(matrix.row_stride == 1 || matrix.column_stride == 1, "gemm of {}, which has no unit stride",
         to_string(tensor));
  return matrix;
}

void clear(const Tensor& matrix) {
  const std::size_t width = static_cast<std::size_t>(matrix.columns()) * size_of(matrix.dtype());
  for (std::int64_t row = 0; row < matrix.rows(); ++row)
    std::memset(matrix.address() + static_cast<std::size_t>(row * matrix.stride(0)) * size_of(matrix.dtype()), 0,
                width);
}

}  // namespace

void compute(const Gemm& op, CpuContext& context) {
  const ProductShape shape{matrix_of(op.a), matrix_of(op.b), matrix_of(op.c), op.accumulate};
  ensure(shape.a.rows == shape.c.rows && shape.b.columns == shape.c.columns && shape.a.columns == shape.b.rows,
         "gemm of {} and {} to {}: the sizes differ", to_string(op.a), to_string(op.b), to_string(op.c));
  ensure(op.a.dtype() == op.b.dtype() && (op.c.dtype() == DType::f32 || op.c.dtype() == op.a.dtype()),
         "gemm of {} and {} to {}: the dtypes don't go together", to_string(op.a), to_string(op.b), to_string(op.c));
  if (op.c.count() == 0) return;
  if (op.a.columns() == 0) return op.accumulate ? void() : clear(op.c);
  if (has_few_rows(shape)) return multiply_few_rows(shape, op.a.address(), op.b.address(), op.c.address(), context);
  context.wide_products().run(shape, op.a.address(), op.b.address(), op.c.address());
}

}  // namespace scalebench::cpu
