// The matrices and vectors of a layer as views of its flat unit: of its weights, or of their gradients. What the
// model's family does not have is undefined.
#pragma once

#include "workloads/blocks/layout.hpp"
#include "workloads/blocks/norm.hpp"

namespace scalebench {

struct LayerParameters {
  Tensor qkv{};                              // [(A + 2 K) D, H]
  Tensor attention_out{};                    // [H, A D]
  Tensor up{};                               // [2 F, H]: gate and up; or [F, H]
  Tensor down{};                             // [H, F]
  Tensor qkv_bias{}, up_bias{};              // [(A + 2 K) D], [F]
  Tensor query_norm{}, key_norm{};           // [D]
  NormParameters attention_norm, mlp_norm;   // [H]
  Tensor attention_out_bias{}, down_bias{};  // [H]

  // Without matrices: of a unit that has none.
  LayerParameters(const Tensor& flat, const Unit& unit, const Shape& shape,
                  bool matrices = true) {  // in the order of layer_unit()
    std::size_t next = 0;
    const auto take = [&](std::size_t count) {
      next += count;
      return view(flat, unit, next - count, count);
    };
    if (matrices) qkv = take(3), attention_out = take(1), up = take(shape.layer_norm ? 1 : 2), down = take(1);
    if (shape.query_key_value_bias) qkv_bias = take(3);
    if (shape.layer_norm) up_bias = take(1);
    if (shape.query_key_norm) query_norm = take(1), key_norm = take(1);
    for (NormParameters* norm : {&attention_norm, &mlp_norm}) {
      norm->weight = take(1);
      if (shape.layer_norm) norm->bias = take(1);
    }
    if (shape.layer_norm) attention_out_bias = take(1), down_bias = take(1);
  }
};

// Behind the tables of its unit.
inline NormParameters final_norm(const Tensor& flat, const Unit& unit, const Shape& s) {
  const std::size_t end = unit.parameters.size();
  if (!s.layer_norm) return {.weight = view(flat, unit, end - 1)};
  return {.weight = view(flat, unit, end - 2), .bias = view(flat, unit, end - 1)};
}

}  // namespace scalebench
