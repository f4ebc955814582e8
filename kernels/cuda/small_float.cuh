// Conversions to numbers of 8 and 4 bits: by the GPU's instructions where it has them, else by whole numbers, with the
// same bits.
#pragma once

#include <cstdint>

#include <cuda_runtime.h>

#include "base/small_float.hpp"

#if defined(__CUDA_ARCH_FEAT_SM100_ALL) || defined(__CUDA_ARCH_FEAT_SM103_ALL) || \
    defined(__CUDA_ARCH_FEAT_SM120_ALL) || defined(__CUDA_ARCH_FEAT_SM121_ALL)
#define SCALEBENCH_CONVERTS_TO_FP4
#endif

namespace scalebench::cuda {

// Two numbers as two codes, the first in the low bits; no NaN among them.
template <SmallFloat Format>
__device__ std::uint32_t codes_of(float first, float second) {
#if defined(__CUDA_ARCH__) && __CUDA_ARCH__ >= 890
  if constexpr (Format.sign_bit() == 7) {
    std::uint16_t codes;
    if constexpr (Format.exponent_bits == 4)
      asm("cvt.rn.satfinite.e4m3x2.f32 %0, %1, %2;" : "=h"(codes) : "f"(second), "f"(first));
    else
      asm("cvt.rn.satfinite.e5m2x2.f32 %0, %1, %2;" : "=h"(codes) : "f"(second), "f"(first));
    return codes;
  }
#endif
#ifdef SCALEBENCH_CONVERTS_TO_FP4
  if constexpr (Format.sign_bit() == 3) {
    std::uint16_t codes;
    asm("{ .reg .b8 both; cvt.rn.satfinite.e2m1x2.f32 both, %1, %2; mov.b16 %0, {both, 0}; }"
        : "=h"(codes)
        : "f"(second), "f"(first));
    return codes;
  }
#endif
  return code_of<Format>(first) | code_of<Format>(second) << (Format.sign_bit() + 1);
}

}  // namespace scalebench::cuda
