// Products with weights in int8. Few rows of `a`: the weights are read once and widened in registers, since reading
// them is what takes the time. Many: blocks of them are widened to a's dtype and multiplied as others are.
#include <algorithm>

#include "kernels/cpu/compute.hpp"
#include "kernels/cpu/context.hpp"
#include "kernels/cpu/rows.hpp"
#include "kernels/cpu/vectors.hpp"

namespace scalebench::cpu {

namespace {

using Bytes = std::int8_t __attribute__((vector_size(kLanes)));

constexpr std::int64_t kFewRows = 16;         // of a
constexpr std::int64_t kWeightRows = 4;       // at a time: as many sums as hide the latency of an addition
constexpr std::int64_t kWidenedAtOnce = 256;  // rows of weights

inline Floats load_floats(const std::int8_t* from) {
  return __builtin_convertvector(__builtin_convertvector(load<Bytes>(from), Integers), Floats);
}

inline float sum_of(Floats x) {
  float sum = 0;
  for (std::int64_t lane = 0; lane < kLanes; ++lane) sum += x[lane];
  return sum;
}

// [rows][weights] sums over k, in one order for any number of threads and of rows beside each other.
template <std::int64_t Rows>
void dot(const float* a, std::int64_t pitch, const std::int8_t* weights, std::int64_t k, std::int64_t count,
         float* sums) {
  Floats partial[Rows][kWeightRows] = {};
  const std::int64_t whole = k / kLanes * kLanes;
  for (std::int64_t i = 0; i < whole; i += kLanes) {
    Floats w[kWeightRows];
    for (std::int64_t n = 0; n < kWeightRows; ++n) w[n] = load_floats(weights + std::min(n, count - 1) * k + i);
    for (std::int64_t m = 0; m < Rows; ++m) {
      const Floats x = load<Floats>(a + m * pitch + i);
      for (std::int64_t n = 0; n < kWeightRows; ++n) partial[m][n] += x * w[n];
    }
  }
  for (std::int64_t m = 0; m < Rows; ++m)
    for (std::int64_t n = 0; n < count; ++n) {
      float sum = sum_of(partial[m][n]);
      for (std::int64_t i = whole; i < k; ++i) sum += a[m * pitch + i] * static_cast<float>(weights[n * k + i]);
      sums[m * kWeightRows + n] = sum;
    }
}

template <class T>
void multiply_few(const GemmQuantized& op, CpuContext& context) {
  const std::int64_t m = op.a.rows(), k = op.a.columns(), n = op.payload.rows();
  const auto a = rows_of<const T>(op.a);
  const auto c = rows_of<T>(op.c);
  const auto* const payload = data_of<std::int8_t>(op.payload);
  const float* const scales = data_of<float>(op.scales);
  context.shared_arena().reset();
  float* const wide = context.shared_arena().take<float>(m * k);
  for (std::int64_t row = 0; row < m; ++row)
    for (std::int64_t i = 0; i < k; ++i) wide[row * k + i] = to_float(a[row][i]);
  const std::int64_t blocks = (n + kWeightRows - 1) / kWeightRows;
  context.split(blocks, rows_per_thread(k * kWeightRows), [&](std::int64_t begin, std::int64_t end, int) {
    float sums[4 * kWeightRows];
    for (std::int64_t block = begin; block < end; ++block) {
      const std::int64_t first = block * kWeightRows, count = std::min(kWeightRows, n - first);
      const auto store = [&](std::int64_t row, std::int64_t rows) {
        for (std::int64_t r = 0; r < rows; ++r)
          for (std::int64_t i = 0; i < count; ++i)
            c[row + r][first + i] = from_float<T>(sums[r * kWeightRows + i] * scales[first + i]);
      };
      std::int64_t row = 0;
      for (; row + 4 <= m; row += 4) dot<4>(wide + row * k, k, payload + first * k, k, count, sums), store(row, 4);
      for (; row < m; ++row) dot<1>(wide + row * k, k, payload + first * k, k, count, sums), store(row, 1);
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
