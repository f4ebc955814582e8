// The attention half of a layer: norm, q k v, norms of their heads where the family has them, rotary embedding unless
// positions are learned, causal grouped-query attention, output projection.
#pragma once

#include <optional>

#include "kernels/device.hpp"
#include "workloads/blocks/layout.hpp"
#include "workloads/blocks/linear.hpp"
#include "workloads/blocks/norm.hpp"
#include "workloads/blocks/shape.hpp"
#include "workloads/blocks/tensor_parallel.hpp"

namespace scalebench {

// Results of attention itself: of each layer, or of one where the backward computes them again.
struct AttentionCore {
  Buffer output;       // [N, A D]
  Buffer log_sum_exp;  // fp32 [N, A]
  AttentionCore(Device& device, const Shape& shape);
};

// What the backward needs, and nothing else.
struct AttentionActivations {
  NormActivations norm;
  Buffer qkv;                                   // [N, (A + 2 K) D], q and k turned, unless they are normed:
  Buffer turned{};                              // [N, (A + K) D], then
  Buffer query_reciprocal{}, key_reciprocal{};  // fp32 [N, A], [N, K]
  std::optional<AttentionCore> core{};
  AttentionActivations(Device& device, const Shape& shape, bool with_core);
};

struct AttentionScratch {
  Buffer d_output;  // [N, A D]
  Buffer d_qkv;     // [N, (A + 2 K) D]
  AttentionScratch(Device& device, const Shape& shape);
};

struct AttentionBlock {
  const Shape& shape;
  const Unit& unit;
  const Tensor& frequencies;  // fp32 [D / 2], undefined where nothing is turned
  TensorParallel& tensor;
  const Linear& linear;
  AttentionCore* shared_core = nullptr;  // where layers have none of their own: computed again in the backward

  // branch = attention(norm(input + added)); the sum is stored in `sum` unless `added` is undefined.
  void forward(Device& device, const Tensor& flat, const Tensor& input, const Tensor& added, const Tensor& sum,
               AttentionActivations& activations, const Tensor& branch) const;
  // d_stream: gradient of the residual stream behind the block; in front of it afterwards.
  void backward(Device& device, const Tensor& flat, const Tensor& d_flat, bool fresh, const Tensor& input,
                AttentionActivations& activations, AttentionScratch& scratch, const Tensor& d_normed,
                const Tensor& d_stream) const;

 private:
  AttentionCore& core_of(AttentionActivations& a) const { return a.core ? *a.core : *shared_core; }
  void project(Device& device, const Tensor& flat, AttentionActivations& activations) const;
  void attend(Device& device, AttentionActivations& activations) const;
  void turn(Device& device, const Tensor& query, const Tensor& key, bool backward) const;
};

}  // namespace scalebench
