// Products of scaled matrices: parts of both are widened to fp32 and multiplied as others are.
#include <algorithm>
#include <array>
#include <cstring>

#include "kernels/cpu/compute.hpp"
#include "kernels/cpu/context.hpp"
#include "kernels/cpu/rows.hpp"

namespace scalebench::cpu {

namespace {

constexpr std::int64_t kWidenedAtOnce = 1024;  // rows of a, and of b

template <SmallFloat Format, std::size_t... Code>
constexpr auto numbers_of(std::index_sequence<Code...>) {
  return std::array<float, sizeof...(Code)>{number_of<Format>(Code)...};
}
template <SmallFloat Format>
constexpr auto kNumbers = numbers_of<Format>(std::make_index_sequence<std::size_t{2} << Format.sign_bit()>());

float scale_of(const QuantizedMatrix& matrix, std::int64_t row, std::int64_t block) {
  const std::int64_t place = scale_place(matrix.scaling, matrix.rows, matrix.columns, row, block);
  const auto code = static_cast<std::uint32_t>(matrix.scales.address()[place]);
  if (matrix.scaling == Scaling::mx) return number_of_e8m0(code);
  if (matrix.scaling == Scaling::nv) return kNumbers<kE4m3>[code & 0x7FU];
  return data_of<float>(matrix.scales)[place];
}

template <SmallFloat Format>
void widen_row(const QuantizedMatrix& matrix, std::int64_t row, float* to) {
  constexpr bool kHalves = Format.sign_bit() == 3;
  const std::int64_t k = matrix.columns, width = matrix.scaling == Scaling::tensor ? k : block_width(matrix.scaling);
  const std::byte* const from = matrix.payload.address() + row * payload_columns(matrix.scaling, k);
  for (std::int64_t first = 0; first < k; first += width) {
    const float scale = scale_of(matrix, row, first / width);
    for (std::int64_t i = first; i < std::min(first + width, k); ++i) {
      const auto code =
          kHalves ? static_cast<unsigned>(from[i / 2]) >> (i % 2 * 4) & 0xFU : static_cast<unsigned>(from[i]);
      to[i] = kNumbers<Format>[code] * scale;
    }
  }
}

void widen(const QuantizedMatrix& matrix, std::int64_t first, std::int64_t rows, float* to, CpuContext& context) {
  const auto each = matrix.scaling == Scaling::nv           ? widen_row<kE2m1>
                    : matrix.payload.dtype() == DType::e5m2 ? widen_row<kE5m2>
                                                            : widen_row<kE4m3>;
  context.split(rows, rows_per_thread(matrix.columns), [&](std::int64_t begin, std::int64_t end, int) {
    for (std::int64_t row = begin; row < end; ++row) each(matrix, first + row, to + row * matrix.columns);
  });
}

void check(const GemmScaled& op) {
  const auto by_128 = [](Scaling s) { return s == Scaling::rows || s == Scaling::blocks; };
  const bool together = op.a.scaling == op.b.scaling || (by_128(op.a.scaling) && by_128(op.b.scaling));
  ensure(together && op.a.columns == op.b.columns && op.c.rank() == 2 && op.c.rows() == op.a.rows &&
             op.c.columns() == op.b.rows,
         "gemm_scaled of {} ({}) and {} ({}) to {}", to_string(op.a.payload), name_of(op.a.scaling),
         to_string(op.b.payload), name_of(op.b.scaling), to_string(op.c));
}

}  // namespace

void compute(const GemmScaled& op, CpuContext& context) {
  check(op);
  const std::int64_t m = op.a.rows, n = op.b.rows, k = op.a.columns;
  if (op.c.count() == 0) return;
  const bool nv = op.a.scaling == Scaling::nv;
  const float of_wholes = nv ? *data_of<float>(op.a.global) * *data_of<float>(op.b.global) : 1;
  const std::int64_t high = std::min(kWidenedAtOnce, m), wide = std::min(kWidenedAtOnce, n);
  context.shared_arena().reset();
  float* const of_a = context.shared_arena().take<float>(high * k);
  float* const of_b = context.shared_arena().take<float>(wide * k);
  float* const sums = context.shared_arena().take<float>(high * wide);
  for_dtype(op.c, [&]<class T>(T) {
    const auto c = rows_of<T>(op.c);
    for (std::int64_t row = 0; row < m; row += high) {
      const std::int64_t rows = std::min(high, m - row);
      widen(op.a, row, rows, of_a, context);
      for (std::int64_t column = 0; column < n; column += wide) {
        const std::int64_t columns = std::min(wide, n - column);
        widen(op.b, column, columns, of_b, context);
        context.wide_products().run(
            {dense(DType::f32, rows, k), transposed(dense(DType::f32, columns, k)), dense(DType::f32, rows, columns)},
            of_a, of_b, sums);
        context.split(rows, rows_per_thread(columns), [&](std::int64_t begin, std::int64_t end, int) {
          for (std::int64_t r = begin; r < end; ++r)
            for (std::int64_t i = 0; i < columns; ++i) {
              T& place = c[row + r][column + i];
              const float sum = sums[r * columns + i] * of_wholes;
              place = from_float<T>(op.accumulate ? to_float(place) + sum : sum);
            }
        });
      }
    }
  });
}

}  // namespace scalebench::cpu
