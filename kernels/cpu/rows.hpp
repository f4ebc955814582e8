// Rows of a tensor whose first axis may have a pitch.
#pragma once

#include "kernels/cpu/numbers.hpp"

namespace scalebench::cpu {

template <class T>
struct Rows {
  T* data;
  std::int64_t pitch;
  T* operator[](std::int64_t row) const { return data + row * pitch; }
};

template <class T>
Rows<T> rows_of(const Tensor& tensor) {
  const int last = tensor.rank() - 1;
  ensure(tensor.dim(last) <= 1 || tensor.stride(last) == 1, "{} with a gap between the elements of a row",
         to_string(tensor));
  return {data_of<T>(tensor), tensor.rank() > 1 ? tensor.stride(0) : 0};
}

// Token ids [B, T]; id n is of row n / T.
struct Ids {
  const std::int32_t* data;
  std::int64_t pitch, length;
  std::int64_t operator[](std::int64_t n) const { return data[n / length * pitch + n % length]; }
};

inline Ids ids_of(const Tensor& tensor, std::int64_t vocabulary) {
  ensure(tensor.dtype() == DType::i32 && tensor.rank() == 2, "token ids in {}", to_string(tensor));
  const Ids ids{rows_of<const std::int32_t>(tensor).data, tensor.stride(0), tensor.dim(1)};
  for (std::int64_t n = 0; n < tensor.count(); ++n)
    if (ids[n] < 0 || ids[n] >= vocabulary)
      fail(Exit::bad_input, "token id {} in {} (the vocabulary ends at {}) use ids of this model's tokenizer", ids[n],
           to_string(tensor), vocabulary);
  return ids;
}

// Of the gradients of a loss.
float gradient_scale(const auto& op) {
  const auto scale = static_cast<float>(op.scale);
  return op.gradient_scale.defined() ? scale * *data_of<float>(op.gradient_scale) : scale;
}

}  // namespace scalebench::cpu
