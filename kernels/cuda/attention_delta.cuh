// What the gradient of a score needs of its row: delta = sum over D of d_output * output (Dao et al. 2022).
#pragma once

#include "kernels/cuda/attention_shape.cuh"
#include "kernels/cuda/launch.cuh"

namespace scalebench::cuda {

// delta [N, A]: a warp for each.
template <class T>
__global__ void attention_delta(Heads<const T> output, Heads<const T> d_output, float* delta, std::int64_t count,
                                std::int64_t heads, std::int64_t size) {
  for (std::int64_t i = global_thread() / kWarp; i < count; i += global_threads() / kWarp) {
    const T *const a = output.at(i / heads, i % heads), *const b = d_output.at(i / heads, i % heads);
    float sum = 0;
    for (std::int64_t j = threadIdx.x % kWarp; j < size; j += kWarp) sum += to_float(a[j]) * to_float(b[j]);
    sum = over_warp(sum);
    if (threadIdx.x % kWarp == 0) delta[i] = sum;
  }
}

// Into scratch memory.
template <class T>
float* launch_delta(const AttentionShape& shape, Heads<const T> output, Heads<const T> d_output, CudaContext& context) {
  constexpr int kThreads = 256;
  const std::int64_t count = shape.sequences * shape.length * shape.heads;
  auto* const delta = reinterpret_cast<float*>(context.scratch(static_cast<std::size_t>(count) * sizeof(float)));
  launch(context, attention_delta<T>, blocks_to_fill(context, count, kThreads / kWarp), kThreads, output, d_output,
         delta, count, shape.heads, shape.size);
  return delta;
}

}  // namespace scalebench::cuda
