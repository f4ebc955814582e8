// Token ids [B, T] whose rows may have a pitch; id n is of row n / T.
#pragma once

#include "kernels/cuda/numbers.cuh"

namespace scalebench::cuda {

struct Ids {
  const std::int32_t* data;
  std::int64_t pitch;
  unsigned length;
  __device__ std::int32_t operator[](std::int64_t n) const {
    if (pitch == length) return data[n];
    const auto at = static_cast<unsigned>(n);  // a division of 64 bits costs some 100 instructions
    return data[at / length * pitch + at % length];
  }
};

inline Ids ids_of(const Tensor& tensor) {
  need(tensor.dtype() == DType::i32 && tensor.rank() == 2 && tensor.count() <= 0x7FFFFFFF, tensor,
       "where token ids are needed");
  const std::int64_t pitch = tensor.rows() == 1 ? tensor.dim(1) : tensor.stride(0);
  return {data_of<std::int32_t>(tensor), pitch, static_cast<unsigned>(tensor.dim(1))};
}

}  // namespace scalebench::cuda
