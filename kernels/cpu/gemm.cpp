#include <bit>
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

float rounded_to_tf32(float x) {
  const auto bits = std::bit_cast<std::uint32_t>(x);
  const bool finite = (bits & 0x7F800000U) != 0x7F800000U;
  return finite ? std::bit_cast<float>((bits + 0x1000U) & ~0x1FFFU) : x;
}

// A matrix of fp32 rounded, without gaps.
struct Rounded {
  Matrix matrix;
  float* values;
  Rounded(const Matrix& from, const std::byte* address, CpuContext& context)
      : matrix(from), values(context.shared_arena().take<float>(from.rows * from.columns)) {
    const bool by_rows = from.column_stride == 1;
    const std::int64_t lines = by_rows ? from.rows : from.columns, width = by_rows ? from.columns : from.rows;
    const std::int64_t pitch = by_rows ? from.row_stride : from.column_stride;
    (by_rows ? matrix.row_stride : matrix.column_stride) = width;
    const auto* const all = reinterpret_cast<const float*>(address);
    context.split(lines, rows_per_thread(width), [&](std::int64_t begin, std::int64_t end, int) {
      for (std::int64_t line = begin; line < end; ++line)
        for (std::int64_t i = 0; i < width; ++i) values[line * width + i] = rounded_to_tf32(all[line * pitch + i]);
    });
  }
};

void multiply_tf32(const Gemm& op, ProductShape shape, CpuContext& context) {
  ensure(op.a.dtype() == DType::f32, "a TF32 product of {}", to_string(op.a));
  context.shared_arena().reset();
  const Rounded a(shape.a, op.a.address(), context), b(shape.b, op.b.address(), context);
  shape.a = a.matrix, shape.b = b.matrix;
  context.wide_products().run(shape, a.values, b.values, op.c.address());
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
  if (op.tf32) return multiply_tf32(op, shape, context);
  if (has_few_rows(shape)) return multiply_few_rows(shape, op.a.address(), op.b.address(), op.c.address(), context);
  context.wide_products().run(shape, op.a.address(), op.b.address(), op.c.address());
}

void compute(const GemmBias& op, CpuContext& context) {
  compute(Gemm{.a = op.a, .b = op.b, .c = op.c, .tf32 = op.tf32}, context);
  compute(AddBias{.values = op.c, .bias = op.bias}, context);
  if (op.activated.defined()) compute(Gelu{.input = op.c, .output = op.activated}, context);
}

}  // namespace scalebench::cpu
