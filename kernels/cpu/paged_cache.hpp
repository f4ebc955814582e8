// Blocks of keys or values anywhere in a cache [blocks, K, P, D].
#pragma once

#include "kernels/cpu/numbers.hpp"

namespace scalebench::cpu {

template <class T>
struct PagedCache {
  T* data;
  std::int64_t blocks, positions, block_pitch, head_pitch, pitch;  // pitch: of a position

  explicit PagedCache(const Tensor& cache)
      : data(data_of<T>(cache)),
        blocks(cache.dim(0)),
        positions(cache.dim(2)),
        block_pitch(cache.stride(0)),
        head_pitch(cache.stride(1)),
        pitch(cache.stride(2)) {
    ensure(cache.rank() == 4 && cache.stride(3) == 1, "{} as a paged cache", to_string(cache));
  }
  T* at(std::int64_t block, std::int64_t head, std::int64_t place = 0) const {
    return data + block * block_pitch + head * head_pitch + place * pitch;
  }
};

}  // namespace scalebench::cpu
