#include "kernels/cpu/widened.hpp"

#include "kernels/cpu/numbers.hpp"

namespace scalebench::cpu {

void widen(const Matrix& matrix, const void* from, float* to) {
  const auto* const elements = static_cast<const Bf16*>(from);
  for (std::int64_t row = 0; row < matrix.rows; ++row)
    for (std::int64_t column = 0; column < matrix.columns; ++column)
      *to++ = to_float(elements[row * matrix.row_stride + column * matrix.column_stride]);
}

void narrow(const float* from, const Matrix& matrix, void* to) {
  auto* const elements = static_cast<Bf16*>(to);
  for (std::int64_t row = 0; row < matrix.rows; ++row)
    for (std::int64_t column = 0; column < matrix.columns; ++column)
      elements[row * matrix.row_stride + column * matrix.column_stride] = from_float<Bf16>(*from++);
}

}  // namespace scalebench::cpu
