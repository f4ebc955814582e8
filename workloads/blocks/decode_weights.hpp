// The weights of one rank for decode and nothing else of them: in the dtype that is multiplied with, or the matrices of
// layers and head in int8, whose embedding's table stays as it is.
#pragma once

#include <vector>

#include "kernels/device.hpp"
#include "workloads/blocks/layer_parameters.hpp"
#include "workloads/blocks/layout.hpp"
#include "workloads/blocks/sharding.hpp"

namespace scalebench {

// A matrix [out, in], plain or quantised.
struct Weight {
  Tensor plain{};
  Tensor payload{}, scales{};  // i8 [out, in], fp32 [out]
  double bytes() const {
    return static_cast<double>(plain.defined() ? plain.bytes() : payload.bytes() + scales.bytes());
  }
};

// y = x W^T
void multiply(Device& device, const Tensor& x, const Weight& weight, const Tensor& y);

struct LayerWeights {
  Weight qkv, attention_out, up, down;
  LayerParameters vectors;  // its matrices are those above, or undefined
};

class DecodeWeights {
 public:
  // `weight_dtype`: `dtype`, or i8 or e4m3.
  DecodeWeights(Device& device, const Shape& shape, DType weight_dtype, const std::vector<Unit>& units,
                const Initial& initial);

  const std::vector<LayerWeights>& layers() const { return layers_; }
  const Tensor& table() const { return table_; }          // [V, H]
  const Tensor& positions() const { return positions_; }  // [positions, H], undefined where they are turned
  const Weight& head() const { return head_; }            // [V, H]
  const NormParameters& final_norm() const { return final_norm_; }
  double bytes_of_step() const { return bytes_; }  // that every step reads: all but the embedding's table

 private:
  Tensor flat_of(const Unit& unit, const Initial& initial);
  Weight quantised(const Unit& unit, std::size_t first, std::size_t count, const Initial& initial);
  void add_layer(const Unit& unit, const Initial& initial);
  void add_head(const Unit& unit, const Initial& initial);

  Device& device_;
  Shape shape_;
  DType weight_dtype_;
  bool quantises_;
  std::vector<Buffer> buffers_{};
  std::vector<LayerWeights> layers_{};
  Tensor table_{}, positions_{};
  Weight head_{};
  NormParameters final_norm_{};
  double bytes_ = 0;
};

}  // namespace scalebench
