#include <numbers>

#include "kernels/cuda/cells.cuh"
#include "kernels/cuda/compute.hpp"
#include "kernels/cuda/sigmoid.cuh"

namespace scalebench::cuda {

namespace {

// (1 + tanh(u)) / 2 = sigmoid(2 u), 2 u = kRate (x + kCubic x^3).
constexpr float kRate = 2 * std::numbers::sqrt2_v<float> * std::numbers::inv_sqrtpi_v<float>;
constexpr float kCubic = 0.044715F;

// Beyond it gelu is 0 or x to all digits, and nothing overflows within. NaN stays NaN.
constexpr float kEdge = 9;
__device__ inline float not_below(float x) { return x < -kEdge ? -kEdge : x; }
__device__ inline float within(float x) { return not_below(x > kEdge ? kEdge : x); }

// exp(-2 u)
template <class T>
__device__ float decay(float x) {
  return exp_of<T>(-kRate * x * (1.0F + kCubic * x * x));
}

template <class T, int N>
__global__ void gelu(Rows<T> input, Rows<T> output) {
  for_cells<N>(output.count, output.width, [&](std::int64_t row, std::int64_t column) {
    auto values = load<N>(input[row] + column);
    for (T& value : values.at) {
      const float x = to_float(value);
      value = from_float<T>(__fdividef(not_below(x), 1.0F + decay<T>(within(x))));
    }
    store(output[row] + column, values);
  });
}

// d gelu / dx = s + x s (1 - s) d(2 u) / dx, s = sigmoid(2 u); 1 - s as exp(-2 u) s, which doesn't cancel.
template <class T, int N>
__global__ void gelu_backward(Rows<T> input, Rows<T> d_output) {
  for_cells<N>(d_output.count, d_output.width, [&](std::int64_t row, std::int64_t column) {
    auto values = load<N>(input[row] + column);
    const auto gradients = load<N>(d_output[row] + column);
    for (int i = 0; i < N; ++i) {
      const float x = within(to_float(values.at[i])), e = decay<T>(x), s = __fdividef(1.0F, 1.0F + e);
      const float slope = kRate * (1.0F + 3.0F * kCubic * x * x);
      values.at[i] = from_float<T>(to_float(gradients.at[i]) * s * (1.0F + x * slope * (e * s)));
    }
    store(input[row] + column, values);
  });
}

}  // namespace

void compute(const Gelu& op, CudaContext& context) {
  need(op.input.columns() == op.output.columns(), op.input, "has not the columns of gelu's output");
  for_dtype(op.output, [&](auto type) {
    using T = decltype(type);
    const auto input = rows_of<T>(op.input), output = rows_of<T>(op.output);
    for_packs<T>(
        [&](auto each) {
          constexpr int kEach = decltype(each)::value;
          launch(context, gelu<T, kEach>, cells(context, output.count, output.width, kEach), kCellThreads, input,
                 output);
        },
        input, output);
  });
}

void compute(const GeluBackward& op, CudaContext& context) {
  need(op.input.columns() == op.d_output.columns(), op.input, "has not the columns of gelu's output");
  for_dtype(op.d_output, [&](auto type) {
    using T = decltype(type);
    const auto input = rows_of<T>(op.input), d_output = rows_of<T>(op.d_output);
    for_packs<T>(
        [&](auto each) {
          constexpr int kEach = decltype(each)::value;
          launch(context, gelu_backward<T, kEach>, cells(context, d_output.count, d_output.width, kEach), kCellThreads,
                 input, d_output);
        },
        input, d_output);
  });
}

}  // namespace scalebench::cuda
