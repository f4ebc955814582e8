#include <numbers>

#include "kernels/cpu/compute.hpp"
#include "kernels/cpu/context.hpp"
#include "kernels/cpu/rows.hpp"

namespace scalebench::cpu {

namespace {

// (1 + tanh(u)) / 2 = sigmoid(2 u), 2 u = kRate (x + kCubic x^3).
constexpr float kRate = 2 * std::numbers::sqrt2_v<float> * std::numbers::inv_sqrtpi_v<float>;
constexpr float kCubic = 0.044715F;

// Beyond it gelu is 0 or x to all digits, and nothing overflows within. NaN stays NaN.
constexpr float kEdge = 9;
inline float not_below(float x) { return x < -kEdge ? -kEdge : x; }
inline float within(float x) { return not_below(x > kEdge ? kEdge : x); }

// exp(-2 u)
template <class T>
float decay(float x) {
  return exp2_of<kExpDegree<T>>(-kLog2E * kRate * x * (1.0F + kCubic * x * x));
}

}  // namespace

void compute(const Gelu& op, CpuContext& context) {
  const std::int64_t width = op.output.columns();
  ensure(op.input.columns() == width, "gelu of {} to {}", to_string(op.input), to_string(op.output));
  for_dtype(op.output, [&]<class T>(T) {
    const auto input = rows_of<const T>(op.input);
    const auto output = rows_of<T>(op.output);
    context.split(op.output.rows(), rows_per_thread(width), [&](std::int64_t begin, std::int64_t end, int) {
      for (std::int64_t n = begin; n < end; ++n) {
        const T* const from = input[n];
        T* const to = output[n];
#pragma omp simd
        for (std::int64_t f = 0; f < width; ++f) {
          const float x = to_float(from[f]);
          to[f] = from_float<T>(not_below(x) / (1.0F + decay<T>(within(x))));
        }
      }
    });
  });
}

// d gelu / dx = s + x s (1 - s) d(2 u) / dx, s = sigmoid(2 u); 1 - s as exp(-2 u) s, which doesn't cancel.
void compute(const GeluBackward& op, CpuContext& context) {
  const std::int64_t width = op.d_output.columns();
  ensure(op.input.columns() == width, "gelu_backward of {} in {}", to_string(op.d_output), to_string(op.input));
  for_dtype(op.d_output, [&]<class T>(T) {
    const auto input = rows_of<T>(op.input);
    const auto d_output = rows_of<const T>(op.d_output);
    context.split(op.d_output.rows(), rows_per_thread(width), [&](std::int64_t begin, std::int64_t end, int) {
      for (std::int64_t n = begin; n < end; ++n) {
        T* const values = input[n];
        const T* const from = d_output[n];
#pragma omp simd
        for (std::int64_t f = 0; f < width; ++f) {
          const float x = within(to_float(values[f])), e = decay<T>(x), s = 1.0F / (1.0F + e);
          const float slope = kRate * (1.0F + 3.0F * kCubic * x * x);
          values[f] = from_float<T>(to_float(from[f]) * s * (1.0F + x * slope * (e * s)));
        }
      }
    });
  });
}

}  // namespace scalebench::cpu
