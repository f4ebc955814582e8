// Products with weights in 8 bits. Few rows of `a`: the weights are read once and widened in registers, since reading
// them is what takes the time (int8 alone). Else blocks of them are widened to a's dtype and multiplied as others are.
#include <algorithm>

#include "base/small_float.hpp"
#include "kernels/cpu/compute.hpp"
#include "kernels/cpu/context.hpp"
#include "kernels/cpu/rows.hpp"
#include "kernels/cpu/split_rows.hpp"

namespace scalebench::cpu {

namespace {

constexpr std::int64_t kFewRows = 16;         // of a
constexpr std::int64_t kGroup = 16;           // rows of weights at a time, which stay in a cache for all rows of a
constexpr std::int64_t kWidenedAtOnce = 256;  // rows of weights

// How the largest number of a row is stored, and all others in its parts.
struct Int8 {
  using Stored = std::int8_t;
  static constexpr float kTop = 127;
  static float number(Stored stored) { return stored; }
  static Stored stored(float parts) { return static_cast<Stored>(std::nearbyint(parts)); }
};
struct E4m3 {
  using Stored = std::uint8_t;
  static constexpr float kTop = 448;
  static float number(Stored stored) { return number_of<kE4m3>(stored); }
  static Stored stored(float parts) { return code_of<kE4m3>(parts); }
};

void for_payload(const Tensor& payload, const auto& visit) {
  ensure(payload.dtype() == DType::i8 || payload.dtype() == DType::e4m3, "weights as {}", to_string(payload));
  if (payload.dtype() == DType::i8) return visit(Int8{});
  visit(E4m3{});
}

// Sums of Few split rows of a over Rows of weights, in the order of the elements. Each word is widened once and used at
// once, so that many rows are read side by side; the rows of the next group are brought near meanwhile.
template <int Few, int Rows>
void multiply_rows(const std::int8_t* weights, std::int64_t k, const float* few, float* to) {
  constexpr std::int64_t kBytes = kStep<std::int8_t>;
  const std::int64_t width = stepped<std::int8_t>(k);
  std::array<std::array<Floats, Rows>, Few> sums{};
  const auto add = [&](std::int64_t i, const auto& load_part) {
    std::array<std::array<Floats, 4>, Few> ones;
#pragma GCC unroll 4
    for (std::size_t f = 0; f < Few; ++f)
#pragma GCC unroll 4
      for (std::size_t p = 0; p < 4; ++p)
        ones[f][p] =
            load<Floats>(few + static_cast<std::int64_t>(f) * width + i + static_cast<std::int64_t>(p) * kLanes);
#pragma GCC unroll 8
    for (std::size_t r = 0; r < Rows; ++r) {
      const std::int8_t* const row = weights + static_cast<std::int64_t>(r) * k + i;
      __builtin_prefetch(row + kGroup * k, 0, 2);
      const auto parts = load_part(row);
#pragma GCC unroll 4
      for (std::size_t p = 0; p < 4; ++p)
#pragma GCC unroll 4
        for (std::size_t f = 0; f < Few; ++f) sums[f][r] += ones[f][p] * parts[p];
    }
  };
  const std::int64_t whole = k / kBytes * kBytes;
  for (std::int64_t i = 0; i < whole; i += kBytes) add(i, [](const std::int8_t* from) { return load_split(from); });
  if (whole < k) add(whole, [&](const std::int8_t* from) { return load_split_end(from, k - whole); });
  for (std::size_t f = 0; f < Few; ++f)
    for (std::size_t r = 0; r < Rows; ++r)
      to[static_cast<std::int64_t>(f) * kGroup + static_cast<std::int64_t>(r)] = sum_of(sums[f][r]);
}

// A group of `count` rows of weights.
template <int Few>
void multiply_group(const std::int8_t* weights, std::int64_t count, std::int64_t k, const float* few, float* to) {
  constexpr int kBeside = Few == 1 ? 8 : 4;
  std::int64_t row = 0;
  for (; row + kBeside <= count; row += kBeside) multiply_rows<Few, kBeside>(weights + row * k, k, few, to + row);
  for (; row < count; ++row) multiply_rows<Few, 1>(weights + row * k, k, few, to + row);
}

template <class T>
void multiply_few(const GemmQuantized& op, CpuContext& context) {
  const std::int64_t m = op.a.rows(), k = op.a.columns(), n = op.payload.rows(), width = stepped<std::int8_t>(k);
  const auto a = rows_of<const T>(op.a);
  const auto c = rows_of<T>(op.c);
  const auto* const payload = data_of<std::int8_t>(op.payload);
  const float* const scales = data_of<float>(op.scales);
  context.shared_arena().reset();
  float* const few = context.shared_arena().take<float>(m * width);
  for (std::int64_t row = 0; row < m; ++row) split_row<std::int8_t>(a[row], k, kByteScale, few + row * width);
  const std::int64_t groups = (n + kGroup - 1) / kGroup;
  context.split(groups, rows_per_thread(k * kGroup), [&](std::int64_t begin, std::int64_t end, int) {
    std::array<float, 2 * kGroup> sums;
    for (std::int64_t first = begin * kGroup; first < std::min(end * kGroup, n); first += kGroup) {
      const std::int64_t count = std::min(kGroup, n - first);
      for (std::int64_t row = 0; row < m; row += 2) {
        const std::int64_t rows = std::min<std::int64_t>(2, m - row);
        const auto multiply = rows == 1 ? multiply_group<1> : multiply_group<2>;
        multiply(payload + first * k, count, k, few + row * width, sums.data());
        for (std::int64_t r = 0; r < rows; ++r)
          for (std::int64_t i = 0; i < count; ++i)
            c[row + r][first + i] = from_float<T>(sums[static_cast<std::size_t>(r * kGroup + i)] * scales[first + i]);
      }
    }
  });
}

template <class T, class Format>
void multiply_many(const GemmQuantized& op, CpuContext& context, Format) {
  const std::int64_t m = op.a.rows(), k = op.a.columns(), n = op.payload.rows();
  const auto* const payload = data_of<typename Format::Stored>(op.payload);
  const float* const scales = data_of<float>(op.scales);
  context.shared_arena().reset();
  T* const wide = context.shared_arena().take<T>(std::min(kWidenedAtOnce, n) * k);
  const auto c = rows_of<T>(op.c);
  for (std::int64_t first = 0; first < n; first += kWidenedAtOnce) {
    const std::int64_t rows = std::min(kWidenedAtOnce, n - first);
    context.split(rows, rows_per_thread(k), [&](std::int64_t begin, std::int64_t end, int) {
      for (std::int64_t row = begin; row < end; ++row) {
        const auto* const from = payload + (first + row) * k;
        for (std::int64_t i = 0; i < k; ++i)
          wide[row * k + i] = from_float<T>(Format::number(from[i]) * scales[first + row]);
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
  ensure(op.payload.count() == n * k && op.scales.count() == n, "quantize of {} to {}", to_string(op.from),
         to_string(op.payload));
  float* const scales = data_of<float>(op.scales);
  for_payload(op.payload, [&]<class Format>(Format) {
    auto* const payload = data_of<typename Format::Stored>(op.payload);
    for_dtype(op.from, [&]<class T>(T) {
      const auto from = rows_of<const T>(op.from);
      context.split(n, rows_per_thread(k), [&](std::int64_t begin, std::int64_t end, int) {
        for (std::int64_t row = begin; row < end; ++row) {
          float largest = 0;
          for (std::int64_t i = 0; i < k; ++i) largest = std::max(largest, std::abs(to_float(from[row][i])));
          const float scale = largest > 0 ? largest / Format::kTop : 1;
          scales[row] = scale;
          for (std::int64_t i = 0; i < k; ++i) payload[row * k + i] = Format::stored(to_float(from[row][i]) / scale);
        }
      });
    });
  });
}

void compute(const GemmQuantized& op, CpuContext& context) {
  ensure(op.payload.contiguous() && op.a.columns() == op.payload.columns() && op.c.rows() == op.a.rows() &&
             op.c.columns() == op.payload.rows() && op.c.dtype() == op.a.dtype(),
         "gemm_quantized of {} and {} to {}", to_string(op.a), to_string(op.payload), to_string(op.c));
  for_dtype(op.a, [&]<class T>(T) {
    if (op.a.rows() <= kFewRows && op.payload.dtype() == DType::i8) return multiply_few<T>(op, context);
    for_payload(op.payload, [&](auto format) { multiply_many<T>(op, context, format); });
  });
}

}  // namespace scalebench::cpu
