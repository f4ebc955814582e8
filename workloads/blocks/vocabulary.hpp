// Both ends of a transformer, where the vocabulary is: embedding, logits and loss. Tensor-parallel ranks hold V rows of
// the tables each; the logits of the whole vocabulary are never in one place.
#pragma once

#include "kernels/device.hpp"
#include "workloads/blocks/linear.hpp"
#include "workloads/blocks/shape.hpp"
#include "workloads/blocks/tensor_parallel.hpp"

namespace scalebench {

// The loss, times `scale`, is added to `total` fp32 [1]; its gradients are multiplied by `gradient_scale` fp32 [1],
// too, where that is given.
struct Loss {
  Tensor total{};
  double scale{};
  Tensor gradient_scale{};
};

class VocabularyBlock {
 public:
  // Memory for logits where this rank has the head.
  VocabularyBlock(Device& device, const ModelSpec& model, const ParallelPlan& plan, const Shape& shape,
                  TensorParallel& tensor, bool head);

  // tokens i32 [B, T], table [V, H], stream [R, H]
  void embed(const Tensor& tokens, const Tensor& table, const Tensor& stream);
  void embed_backward(const Tensor& tokens, const Tensor& d_stream, const Tensor& d_table);

  // [N, V] of normed [R, H] by weight [V, H].
  const Tensor& logits(const Tensor& normed, const Tensor& weight);
  // Adds this rank's share of the loss; the logits become their gradients.
  void lose(const Tensor& targets, const Loss& loss);
  void logits_backward(const Tensor& normed, const Tensor& weight, const Tensor& d_weight, bool fresh,
                       const Tensor& d_normed);

 private:
  Device& device_;
  TensorParallel& tensor_;
  Linear linear_;
  std::int64_t vocabulary_, first_, held_;  // of the whole; of this part, without its padding
  Buffer logits_{};                         // [N, V]
  Buffer maximum_{}, sums_{};               // fp32 [N], [2, N]: of a part's loss
};

}  // namespace scalebench
