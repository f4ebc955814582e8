// exp and sigmoid as exact as their operands' dtype needs them.
#pragma once

#include <type_traits>

#include "kernels/cuda/numbers.cuh"

namespace scalebench::cuda {

template <class T>
__device__ float exp_of(float x) {
  if constexpr (std::is_same_v<T, float>)
    return expf(x);
  else
    return __expf(x);
}

// A denominator of infinity gives 0; a NaN stays one.
template <class T>
__device__ float sigmoid(float x) {
  return __fdividef(1.0F, 1.0F + exp_of<T>(-x));
}

}  // namespace scalebench::cuda
