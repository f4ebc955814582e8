// Which products of scaled matrices a GPU's tensor cores do by cuBLASLt.
#pragma once

#include <string>
#include <vector>

#include "base/quantized.hpp"

namespace scalebench::cuda {

// By compute capability: FP8 by whole tensors from 8.9 on; fp32 scales of 1 x 128 and 128 x 128 on 9.0 alone; MXFP8 and
// NVFP4 from 10.0 on.
std::vector<Scaling> scaled_products_of(int major, int minor);

// Why a product is refused on such a GPU, "problem (why it is a problem) suggestion"; nothing where it is not.
struct ScaledProduct {
  Scaling a, b;
  DType type_of_a, type_of_b;  // of the payloads
  std::int64_t m, n, k;
};
std::string refusal_of(const ScaledProduct& product, int major, int minor);

}  // namespace scalebench::cuda
