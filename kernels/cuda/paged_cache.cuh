// A cache of keys or values in blocks of P positions.
#pragma once

#include "kernels/cuda/numbers.cuh"

namespace scalebench::cuda {

template <class T>
struct PagedCache {
  T* data;
  std::int64_t block_pitch, head_pitch, pitch;  // elements
  std::int32_t blocks, positions;

  explicit PagedCache(const Tensor& cache)  // [blocks, K, P, D]
      : data(data_of<T>(cache)),
        block_pitch(cache.stride(0)),
        head_pitch(cache.stride(1)),
        pitch(cache.stride(2)),
        blocks(static_cast<std::int32_t>(cache.dim(0))),
        positions(static_cast<std::int32_t>(cache.dim(2))) {}

  __device__ T* at(std::int64_t block, std::int64_t head, std::int64_t place) const {
    return data + block * block_pitch + head * head_pitch + place * pitch;
  }
};

}  // namespace scalebench::cuda
