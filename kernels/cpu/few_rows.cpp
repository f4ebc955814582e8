#include "kernels/cpu/few_rows.hpp"

#include "kernels/cpu/amx.hpp"
#include "kernels/cpu/context.hpp"
#include "kernels/cpu/split_rows.hpp"

namespace scalebench::cpu {

namespace {

constexpr int kGroup = 24;  // weight rows that a thread takes: a multiple of all that are read side by side

// Few rows of a by a group of weights; the next group is brought near by the first one or two passes over this one.
template <int Few, int Passes, class T>
void multiply_group(Dots<T> on, int pass) {
  constexpr int kRows = rows_beside(Few), kNear = kRows / Passes, kTurns = kGroup / kNear;
  const T* const next = on.rows + kGroup * on.pitch;
  for (int row = 0; row < kGroup; row += kRows, on.rows += kRows * on.pitch, on.to += kRows) {
    on.ahead = next + (pass * kGroup + row) / kRows * (on.width / kTurns);
    if (pass < Passes)
      multiply_few<Few, kRows, kNear, kTurns>(on);
    else
      multiply_few<Few, kRows, 0, 1>(on);
  }
}

template <int Few = kMostFew, class T>
void multiply_group(int few, std::int64_t count, const Dots<T>& on, int pass, int passes) {
  if constexpr (Few > 1)
    if (few < Few) return multiply_group<Few - 1>(few, count, on, pass, passes);
  if (count < kGroup) return multiply_few(few, count, on, 0);
  if (passes == 1) return multiply_group<Few, 1>(on, pass);
  multiply_group<Few, 2>(on, pass);
}

template <class T, class C>
void multiply(const ProductShape& shape, const T* b, const float* few, C* c, Columns columns) {
  const std::int64_t width = stepped<T>(shape.a.columns), pitch = shape.b.column_stride, m = shape.c.rows;
  const std::int64_t passes = (m + kMostFew - 1) / kMostFew;
  std::array<float, kMostFew * kGroup> sums;
  for (std::int64_t j = columns.begin; j < columns.end; j += kGroup)
    for (std::int64_t pass = 0; pass < passes; ++pass) {
      const std::int64_t i = m * pass / passes, rows = m * (pass + 1) / passes - i;
      const std::int64_t count = std::min<std::int64_t>(kGroup, columns.end - j);
      const Dots<T> on{b + j * pitch, pitch, shape.a.columns, few + i * width, nullptr, sums.data(), kGroup};
      multiply_group(static_cast<int>(rows), count, on, static_cast<int>(pass), static_cast<int>(passes));
      for (std::int64_t row = 0; row < rows; ++row)
        for (std::int64_t n = 0; n < count; ++n)
          c[(i + row) * shape.c.row_stride + j + n] = from_float<C>(sums[static_cast<std::size_t>(row * kGroup + n)]);
    }
}

// body(columns of one thread): whole groups of weight rows, and of 16 for AMX.
template <class Body>
void for_threads(const ProductShape& shape, const CpuContext& context, const Body& body) {
  constexpr std::int64_t kUnit = 2 * kGroup;
  const std::int64_t units = (shape.c.columns + kUnit - 1) / kUnit;
  context.split(units, rows_per_thread(kUnit * shape.a.columns), [&](std::int64_t begin, std::int64_t end, int) {
    if (begin < end) body(Columns{begin * kUnit, std::min(end * kUnit, shape.c.columns)});
  });
}

template <class T>
void run_vectors(const ProductShape& shape, const T* a, const T* b, void* c, CpuContext& context) {
  const std::int64_t width = stepped<T>(shape.a.columns);
  auto* const few = context.shared_arena().take<float>(shape.c.rows * width);
  for (std::int64_t i = 0; i < shape.c.rows; ++i)
    split_row<T>(a + i * shape.a.row_stride, shape.a.columns, 1, few + i * width);
  for_threads(shape, context, [&](Columns columns) {
    if (shape.c.dtype == DType::f32)
      multiply(shape, b, few, static_cast<float*>(c), columns);
    else if constexpr (sizeof(T) == 2)
      multiply(shape, b, few, static_cast<T*>(c), columns);
  });
}

void run_amx(const ProductShape& shape, const Bf16* a, const Bf16* b, void* c, CpuContext& context) {
  const std::int64_t rows = shape.c.rows, depth = padded(shape.a.columns);
  auto* const packed = context.shared_arena().take<Bf16>(rows * depth);
  for (std::int64_t k = 0; k < depth; ++k)
    for (std::int64_t i = 0; i < rows; ++i)
      packed[k / 2 * 2 * rows + 2 * i + k % 2] = k < shape.a.columns ? a[i * shape.a.row_stride + k] : Bf16{};
  for_threads(shape, context, [&](Columns columns) { multiply_few_rows_by_amx(shape, packed, b, c, columns); });
}

}  // namespace

bool has_few_rows(const ProductShape& shape) {
  return shape.c.rows <= kMostFewRows && !shape.accumulate && shape.a.column_stride == 1 && shape.b.row_stride == 1 &&
         shape.c.column_stride == 1;
}

void multiply_few_rows(const ProductShape& shape, const void* a, const void* b, void* c, CpuContext& context) {
  context.shared_arena().reset();
  if (shape.a.dtype == DType::f32)
    return run_vectors(shape, static_cast<const float*>(a), static_cast<const float*>(b), c, context);
  if (shape.a.dtype == DType::f16)
    return run_vectors(shape, static_cast<const Half*>(a), static_cast<const Half*>(b), c, context);
  const auto *const left = static_cast<const Bf16*>(a), *const right = static_cast<const Bf16*>(b);
  if (has_amx()) return run_amx(shape, left, right, c, context);
  run_vectors(shape, left, right, c, context);
}

}  // namespace scalebench::cpu
