// The matrices and vectors of a layer as views of its flat unit: of its weights, or of their gradients.
#pragma once

#include "workloads/blocks/layout.hpp"

namespace scalebench {

struct LayerParameters {
  Tensor qkv;             // [(A + 2 K) D, H]
  Tensor attention_out;   // [H, A D]
  Tensor gate_up;         // [2 F, H]
  Tensor down;            // [H, F]
  Tensor attention_norm;  // [H]
  Tensor mlp_norm;        // [H]

  LayerParameters(const Tensor& flat, const Unit& unit)  // in the order of layer_unit() in layout.cpp
      : qkv(view(flat, unit, 0, 3)),
        attention_out(view(flat, unit, 3)),
        gate_up(view(flat, unit, 4, 2)),
        down(view(flat, unit, 6)),
        attention_norm(view(flat, unit, 7)),
        mlp_norm(view(flat, unit, 8)) {}
};

}  // namespace scalebench
