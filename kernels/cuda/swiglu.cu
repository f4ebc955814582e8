#include "kernels/cuda/cells.cuh"
#include "kernels/cuda/compute.hpp"
#include "kernels/cuda/sigmoid.cuh"

namespace scalebench::cuda {

namespace {

template <class T, int N>
__global__ void swiglu(Rows<T> gate_up, Rows<T> output) {
  for_cells<N>(output.count, output.width, [&](std::int64_t row, std::int64_t column) {
    const T* const from = gate_up[row] + column;
    const auto gates = load<N>(from), ups = load<N>(from + output.width);
    Pack<T, N> to;
    for (int i = 0; i < N; ++i) {
      const float gate = to_float(gates.at[i]);
      to.at[i] = from_float<T>(gate * sigmoid<T>(gate) * to_float(ups.at[i]));
    }
    store(output[row] + column, to);
  });
}

// d silu(x) / dx = s + x s (1 - s), s = sigmoid(x)
template <class T, int N>
__global__ void swiglu_backward(Rows<T> gate_up, Rows<T> d_output) {
  for_cells<N>(d_output.count, d_output.width, [&](std::int64_t row, std::int64_t column) {
    T* const place = gate_up[row] + column;
    auto gates = load<N>(place), ups = load<N>(place + d_output.width);
    const auto gradients = load<N>(d_output[row] + column);
    for (int i = 0; i < N; ++i) {
      const float gate = to_float(gates.at[i]), up = to_float(ups.at[i]), gradient = to_float(gradients.at[i]);
      const float s = sigmoid<T>(gate);
      gates.at[i] = from_float<T>(gradient * up * (s + gate * s * (1.0F - s)));
      ups.at[i] = from_float<T>(gradient * gate * s);
    }
    store(place, gates);
    store(place + d_output.width, ups);
  });
}

}  // namespace

void compute(const SwiGlu& op, CudaContext& context) {
  need(op.gate_up.columns() == 2 * op.output.columns(), op.gate_up, "is not gate and up of a swiglu's output");
  for_dtype(op.output, [&](auto type) {
    using T = decltype(type);
    const auto gate_up = rows_of<T>(op.gate_up), output = rows_of<T>(op.output);
    for_packs<T>(
        [&](auto each) {
          constexpr int kEach = decltype(each)::value;
          launch(context, swiglu<T, kEach>, cells(context, output.count, output.width, kEach), kCellThreads, gate_up,
                 output);
        },
        gate_up, output);
  });
}

void compute(const SwiGluBackward& op, CudaContext& context) {
  need(op.gate_up.columns() == 2 * op.d_output.columns(), op.gate_up, "is not gate and up of a swiglu's output");
  for_dtype(op.d_output, [&](auto type) {
    using T = decltype(type);
    const auto gate_up = rows_of<T>(op.gate_up), d_output = rows_of<T>(op.d_output);
    for_packs<T>(
        [&](auto each) {
          constexpr int kEach = decltype(each)::value;
          launch(context, swiglu_backward<T, kEach>, cells(context, d_output.count, d_output.width, kEach),
                 kCellThreads, gate_up, d_output);
        },
        gate_up, d_output);
  });
}

}  // namespace scalebench::cuda
