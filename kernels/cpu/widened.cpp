#include "kernels/cpu/widened.hpp"

#include "kernels/cpu/numbers.hpp"

namespace scalebench::cpu {

namespace {

// visit(offset from the first element) for each, row by row.
template <class Visit>
void for_each_element(const Matrix& matrix, const Visit& visit) {
  for (std::int64_t row = 0; row < matrix.rows; ++row)
    for (std::int64_t column = 0; column < matrix.columns; ++column)
      visit(row * matrix.row_stride + column * matrix.column_stride);
}

template <class T>
void widen_all(const Matrix& matrix, const T* from, float* to) {
  for_each_element(matrix, [&](std::int64_t at) { *to++ = to_float(from[at]); });
}

template <class T>
void narrow_all(const float* from, const Matrix& matrix, T* to) {
  for_each_element(matrix, [&](std::int64_t at) { to[at] = from_float<T>(*from++); });
}

}  // namespace

void widen(const Matrix& matrix, const void* from, float* to) {
  if (matrix.dtype == DType::f16) return widen_all(matrix, static_cast<const Half*>(from), to);
  widen_all(matrix, static_cast<const Bf16*>(from), to);
}

void narrow(const float* from, const Matrix& matrix, void* to) {
  if (matrix.dtype == DType::f16) return narrow_all(from, matrix, static_cast<Half*>(to));
  narrow_all(from, matrix, static_cast<Bf16*>(to));
}

}  // namespace scalebench::cpu
