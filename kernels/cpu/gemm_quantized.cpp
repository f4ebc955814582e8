// Products with weights in int8. Few rows of `a`: the weights are read once and widened in registers, since reading
// them is what takes the time. Many: blocks of them are widened to a's dtype and multiplied as others are.
#include <algorithm>

#include "kernels/cpu/compute.hpp"
#include "kernels/cpu/context.hpp"
#include "kernels/cpu/rows.hpp"
#include "kernels/cpu/split_rows.hpp"

namespace scalebench::cpu {

namespace {

constexpr std::int64_t kFewRows = 16;         // of a
constexpr std::int64_t kGroup = 16;           // rows of weights at a time, which stay in a cache for all rows of a
constexpr std::int64_t kWidenedAtOnce = 256;  // rows of weights

template <class T>
void multiply_few(const GemmQuantized& op, CpuContext& context) {
  const std::int64_t m = op.a.rows(), k = op.a.columns(), n = op.payload.rows(), width = stepped<std::int8_t>(k);
  const auto a = rows_of<const T>(op.a);
  const auto c = rows_of<T>(op.c);
  const auto* const payload = data_of<std::int8_t>(op.payload);
  const float* const scales = data_of<float>(op.scales);
  context.shared_arena().reset();
  float* const few = context.shared_arena().take<float>(m * width);
  for (std::int64_t row = 0; row < m; ++row) split_row<std::int8_t>(a[row], k, 1, few + row * width);
  const std::int64_t groups = (n + kGroup - 1) / kGroup;
  context.split(groups, rows_per_thread(k * kGroup), [&](std::int64_t begin, std::int64_t end, int) {
    std::array<float, kMostFew * kGroup> sums;
    for (std::int64_t first = begin * kGroup; first < std::min(end * kGroup, n); first += kGroup) {
      const std::int64_t count = std::min(kGroup, n - first);
      for (std::int64_t row = 0; row < m; row += kMostFew) {
        const auto rows = std::min<std::int64_t>(kMostFew, m - row);
        multiply_few(static_cast<int>(rows), count,
                     Dots<std::int8_t>{payload + first * k, k, k, few + row * width, nullptr, sums.data(), kGroup},
                     kGroup * k);
        for (std::int64_t r = 0; r < rows; ++r)
          for (std::int64_t i = 0; i < count; ++i)
            c[row + r][first + i] = from_float<T>(sums[static_cast<std::size_t>(r * kGroup + i)] * scales[first + i]);
      }
    }
  });
}

template <class T>
void multiply_many(const GemmQuantized& op, CpuContext& context) {
  const std::int64_t m = op.a.rows(), k = op.a.columns(), n = op.payload.rows();
  const auto* const payload = data_of<std::int8_t>(op.payload);
  const float* const scales = data_of<float>(op.scales);
  context.shared_arena().reset();
  T* const wide = context.shared_arena().take<T>(std::min(kWidenedAtOnce, n) * k);
  const auto c = rows_of<T>(op.c);
  for (std::int64_t first = 0; first < n; first += kWidenedAtOnce) {
    const std::int64_t rows = std::min(kWidenedAtOnce, n - first);
    context.split(rows, rows_per_thread(k), [&](std::int64_t begin, std::int64_t end, int) {
      for (std::int64_t row = begin; row < end; ++row) {
        const std::int8_t* const from = payload + (first + row) * k;
        for (std::int64_t i = 0; i < k; ++i)
          wide[row * k + i] = from_float<T>(static_cast<float>(from[i]) * scales[first + row]);
      }
    });
    const DType dtype = op.a.dtype();
    context.wide_products().run(
        {{dtype, m, k, op.a.stride(0), 1}, transposed(dense(dtype, rows, k)), {dtype, m, rows, c.pitch, 1}},
        op.a.address(), wide, c.data + first);
  }
}

}  // namespace

void compute(const Quantize& op, CpuContext& context) {
  const std::int64_t n = op.from.rows(), k = op.from.columns();
  ensure(op.payload.dtype() == DType::i8 && op.payload.count() == n * k && op.scales.count() == n,
         "quantize of {} to {}", to_string(op.from), to_string(op.payload));
  auto* const payload = data_of<std::int8_t>(op.payload);
  float* const scales = data_of<float>(op.scales);
  for_dtype(op.from, [&]<class T>(T) {
    const auto from = rows_of<const T>(op.from);
    context.split(n, rows_per_thread(k), [&](std::int64_t begin, std::int64_t end, int) {
      for (std::int64_t row = begin; row < end; ++row) {
        float largest = 0;
        for (std::int64_t i = 0; i < k; ++i) largest = std::max(largest, std::abs(to_float(from[row][i])));
        const float scale = largest > 0 ? largest / 127 : 1;
        scales[row] = scale;
        for (std::int64_t i = 0; i < k; ++i)
          payload[row * k + i] = static_cast<std::int8_t>(std::nearbyint(to_float(from[row][i]) / scale));
      }
    });
  });
}

void compute(const GemmQuantized& op, CpuContext& context) {
  ensure(op.payload.dtype() == DType::i8 && op.payload.contiguous() && op.a.columns() == op.payload.columns() &&
             op.c.rows() == op.a.rows() && op.c.columns() == op.payload.rows() && op.c.dtype() == op.a.dtype(),
         "gemm_int8 of {} and {} to {}", to_string(op.a), to_string(op.payload), to_string(op.c));
  for_dtype(op.a, [&]<class T>(T) {
    if (op.a.rows() <= kFewRows)
      multiply_few<T>(op, context);
    else
      multiply_many<T>(op, context);
  });
}

}  // namespace scalebench::cpu
