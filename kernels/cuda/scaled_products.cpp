#include "kernels/cuda/scaled_products.hpp"

#include <algorithm>

#include <fmt/format.h>
#include <fmt/ranges.h>

namespace scalebench::cuda {

std::vector<Scaling> scaled_products_of(int major, int minor) {
  if (major >= 10) return {Scaling::tensor, Scaling::mx, Scaling::nv};
  if (major == 9) return {Scaling::tensor, Scaling::rows, Scaling::blocks};
  if (major == 8 && minor >= 9) return {Scaling::tensor};
  return {};
}

std::string refusal_of(const ScaledProduct& product, int major, int minor) {
  const auto [a, b, type_of_a, type_of_b, m, n, k] = product;
  const std::vector<Scaling> known = scaled_products_of(major, minor);
  for (const Scaling scaling : {a, b})
    if (std::find(known.begin(), known.end(), scaling) == known.end()) {
      std::vector<std::string_view> names;
      for (const Scaling one : known) names.push_back(name_of(one));
      return fmt::format(
          "no products of matrices with the scaling \"{}\" (this GPU, of compute capability {}.{}, has {}) use "
          "another --dtype",
          name_of(scaling), major, minor,
          names.empty() ? "none of few bits" : fmt::format("{}", fmt::join(names, ", ")));
    }
  if (a == Scaling::blocks && b == Scaling::blocks)
    return "no product of two matrices scaled by 128 x 128 (cuBLASLt has none) scale one of them by 1 x 128";
  if (type_of_a == DType::e5m2 && type_of_b == DType::e5m2)
    return "no product of two matrices in e5m2 (cuBLASLt has none) use e4m3 for one of them";
  if (!sizes_fit(a, m, n, k))
    return fmt::format(
        "no product of scaled matrices [{}, {}] and [{}, {}] (cuBLASLt needs rows of 16 bytes, and with fp32 scales of "
        "blocks a multiple of 4 rows) use a batch, sequence and model of such sizes, or another --dtype",
        m, k, n, k);
  return {};
}

}  // namespace scalebench::cuda
