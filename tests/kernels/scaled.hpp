// Scaled matrices in the tests of the kernels: made, and read byte by byte.
#pragma once

#include "tests/kernels/lab.hpp"

namespace scalebench::test {

inline constexpr Scaling kScalings[] = {Scaling::tensor, Scaling::rows, Scaling::blocks, Scaling::mx, Scaling::nv};

inline QuantizedMatrix empty_scaled(Lab& lab, Scaling scaling, DType payload, std::int64_t rows, std::int64_t columns) {
  const bool nv = scaling == Scaling::nv;
  return {.payload = lab.empty(nv ? DType::i8 : payload, {rows, payload_columns(scaling, columns)}),
          .scales = lab.empty(scale_dtype(scaling), {scale_count(scaling, rows, columns)}),
          .global = nv ? lab.empty(DType::f32, {1}) : Tensor(),
          .scaling = scaling,
          .rows = rows,
          .columns = columns};
}

// The bytes of a contiguous tensor.
inline std::vector<unsigned> bytes_of(Lab& lab, const Tensor& tensor) {
  const std::int64_t shape[] = {static_cast<std::int64_t>(tensor.bytes())};
  const std::int64_t offset = tensor.offset() * static_cast<std::int64_t>(size_of(tensor.dtype()));
  std::vector<unsigned> bytes;
  for (const double value : lab.read(Tensor(tensor.storage(), DType::i8, shape, offset)))
    bytes.push_back(static_cast<unsigned>(static_cast<int>(value)) & 0xFFU);
  return bytes;
}

inline std::string named(Scaling scaling, DType payload, std::int64_t rows, std::int64_t columns) {
  return fmt::format("{} {} [{}, {}]", name_of(scaling), name_of(payload), rows, columns);
}

}  // namespace scalebench::test
