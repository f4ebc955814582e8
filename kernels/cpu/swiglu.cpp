#include "kernels/cpu/compute.hpp"
#include "kernels/cpu/context.hpp"
#include "kernels/cpu/rows.hpp"

namespace scalebench::cpu {

void compute(const SwiGlu& op, CpuContext& context) {
  const std::int64_t width = op.output.columns();
  ensure(op.gate_up.columns() == 2 * width, "swiglu of {} to {}", to_string(op.gate_up), to_string(op.output));
  for_dtype(op.output, [&]<class T>(T) {
    const auto gate_up = rows_of<const T>(op.gate_up);
    const auto output = rows_of<T>(op.output);
    context.split(op.output.rows(), rows_per_thread(width), [&](std::int64_t begin, std::int64_t end, int) {
      for (std::int64_t n = begin; n < end; ++n) {
        const T *const gates = gate_up[n], *const ups = gate_up[n] + width;
        T* const to = output[n];
#pragma omp simd
        for (std::int64_t f = 0; f < width; ++f) {
          const float gate = to_float(gates[f]);
          to[f] = from_float<T>(gate * sigmoid<T>(gate) * to_float(ups[f]));
        }
      }
    });
  });
}

// d silu(x) / dx = s + x s (1 - s), s = sigmoid(x)
void compute(const SwiGluBackward& op, CpuContext& context) {
  const std::int64_t width = op.d_output.columns();
  ensure(op.gate_up.columns() == 2 * width, "swiglu_backward of {} in {}", to_string(op.d_output),
         to_string(op.gate_up));
  for_dtype(op.d_output, [&]<class T>(T) {
    const auto gate_up = rows_of<T>(op.gate_up);
    const auto d_output = rows_of<const T>(op.d_output);
    context.split(op.d_output.rows(), rows_per_thread(width), [&](std::int64_t begin, std::int64_t end, int) {
      for (std::int64_t n = begin; n < end; ++n) {
        T *const gates = gate_up[n], *const ups = gate_up[n] + width;
        const T* const from = d_output[n];
#pragma omp simd
        for (std::int64_t f = 0; f < width; ++f) {
          const float gate = to_float(gates[f]), up = to_float(ups[f]), gradient = to_float(from[f]);
          const float s = sigmoid<T>(gate);
          gates[f] = from_float<T>(gradient * up * (s + gate * s * (1.0F - s)));
          ups[f] = from_float<T>(gradient * gate * s);
        }
      }
    });
  });
}

}  // namespace scalebench::cpu
