// Numbers of the CUDA kernels: bf16 and fp16 as stored bits, conversions, several numbers in one access of memory.
#pragma once

#include <bit>
#include <cstdint>

#include <cuda_runtime.h>

#include "base/small_float.hpp"
#include "base/tensor.hpp"
#include "kernels/cuda/context.hpp"

namespace scalebench::cuda {

struct Bf16 {
  std::uint16_t bits;
};
struct Half {  // fp16
  std::uint16_t bits;
};
struct E4m3 {
  std::uint8_t bits;
};

__device__ inline float to_float(float x) { return x; }
__device__ inline float to_float(Bf16 x) { return __uint_as_float(static_cast<unsigned>(x.bits) << 16); }
__device__ inline float to_float(Half x) {
#ifdef __CUDA_ARCH__
  float wide;
  asm("cvt.f32.f16 %0, %1;" : "=f"(wide) : "h"(x.bits));
  return wide;
#else
  return number_of<kFp16>(x.bits);
#endif
}
__device__ inline float to_float(E4m3 x) { return number_of<kE4m3>(x.bits); }

template <class T>
__device__ T from_float(float x);
template <>
__device__ inline float from_float<float>(float x) {
  return x;
}
// To nearest, ties to even; a NaN stays one. The host's form.
inline Bf16 host_bf16(float x) {
  const auto bits = std::bit_cast<std::uint32_t>(x);
  const std::uint32_t rounded = (bits + 0x7FFFU + ((bits >> 16) & 1U)) >> 16;
  return {static_cast<std::uint16_t>((bits & 0x7FFFFFFFU) > 0x7F800000U ? 0x7FFFU : rounded)};
}
template <>
__device__ inline Bf16 from_float<Bf16>(float x) {
#ifdef __CUDA_ARCH__
  std::uint16_t bits;
  asm("cvt.rn.bf16.f32 %0, %1;" : "=h"(bits) : "f"(x));
  return {bits};
#else
  return host_bf16(x);
#endif
}
template <>
__device__ inline Half from_float<Half>(float x) {
#ifdef __CUDA_ARCH__
  std::uint16_t bits;
  asm("cvt.rn.f16.f32 %0, %1;" : "=h"(bits) : "f"(x));
  return {bits};
#else
  return {code_of<kFp16>(x)};
#endif
}

// N numbers that lie beside each other: 16 bytes are the widest access that a thread has.
template <class T, int N = 16 / static_cast<int>(sizeof(T))>
struct alignas(sizeof(T) * N) Pack {
  static constexpr int kCount = N;
  T at[N];
};

// Rows of `width` elements, `pitch` elements apart: what a kernel is told of a tensor.
template <class T>
struct Rows {
  T* data;
  std::int64_t count, width, pitch;
  __device__ T* operator[](std::int64_t row) const { return data + row * pitch; }
};

template <class T>
T* data_of(const Tensor& tensor) {
  return reinterpret_cast<T*>(tensor.address());
}

// A tensor of one, two or more axes, of which all but the first lie together.
template <class T>
Rows<T> rows_of(const Tensor& tensor) {
  const std::int64_t count = tensor.rank() == 0 ? 1 : tensor.dim(0);
  const std::int64_t pitch = tensor.rank() < 2 ? (tensor.rank() == 0 ? 1 : tensor.stride(0)) : tensor.stride(0);
  return {data_of<T>(tensor), count, count == 0 ? 0 : tensor.count() / count, pitch};
}

// Whether all rows can be read and written a Pack at a time.
template <class T>
bool packs(const Rows<T>& rows) {
  constexpr std::int64_t kCount = Pack<T>::kCount;
  return reinterpret_cast<std::uintptr_t>(rows.data) % sizeof(Pack<T>) == 0 && rows.width % kCount == 0 &&
         (rows.pitch % kCount == 0 || rows.count == 1);
}

// Calls body(float{}), body(Bf16{}) or body(Half{}).
template <class Body>
void for_dtype(const Tensor& tensor, const Body& body) {
  if (tensor.dtype() == DType::bf16) return body(Bf16{});
  if (tensor.dtype() == DType::f16) return body(Half{});
  need(tensor.dtype() == DType::f32, tensor, "where fp32, bf16 or fp16 is needed");
  body(float{});
}

}  // namespace scalebench::cuda
