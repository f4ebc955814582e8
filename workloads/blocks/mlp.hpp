// The feed-forward half of a layer: norm, gate and up, SwiGLU, down; or norm, up, GELU, down with biases.
#pragma once

#include "kernels/device.hpp"
#include "workloads/blocks/layout.hpp"
#include "workloads/blocks/linear.hpp"
#include "workloads/blocks/norm.hpp"
#include "workloads/blocks/shape.hpp"
#include "workloads/blocks/tensor_parallel.hpp"

namespace scalebench {

struct MlpActivations {
  Buffer sum;  // [R, H]: the residual stream in front of the block
  NormActivations norm;
  Buffer up;     // [N, 2 F]: gate and up, or [N, F]; its gradient, once the backward has been there
  Buffer gated;  // [N, F]
  MlpActivations(Device& device, const Shape& shape);
};

struct MlpScratch {
  Buffer d_gated;  // [N, F]
  MlpScratch(Device& device, const Shape& shape);
};

struct MlpBlock {
  const Shape& shape;
  const Unit& unit;
  TensorParallel& tensor;
  const Linear& linear;

  // Up to the down projection: all that the backward needs.
  void forward_to_gated(Device& device, const Tensor& flat, const Tensor& input, const Tensor& added,
                        MlpActivations& activations) const;
  // branch = mlp(norm(input + added))
  void forward(Device& device, const Tensor& flat, const Tensor& input, const Tensor& added,
               MlpActivations& activations, const Tensor& branch) const;
  // d_stream: gradient of the residual stream behind the block; in front of it afterwards.
  void backward(Device& device, const Tensor& flat, const Tensor& d_flat, bool fresh, MlpActivations& activations,
                MlpScratch& scratch, const Tensor& d_normed, const Tensor& d_stream) const;
};

}  // namespace scalebench
