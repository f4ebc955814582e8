// A decoder-only transformer as Llama 3 defines it: forward, and the backward written by hand.
#pragma once

#include <functional>
#include <memory>
#include <vector>

#include "kernels/device.hpp"
#include "workloads/blocks/attention.hpp"
#include "workloads/blocks/mlp.hpp"
#include "workloads/blocks/sharding.hpp"
#include "workloads/blocks/tensor_parallel.hpp"
#include "workloads/blocks/vocabulary.hpp"

namespace scalebench {

class Transformer {
 public:
  Transformer(Device& device, Mesh& mesh, const ModelSpec& model, const ParallelPlan& plan,
              const std::vector<Unit>& units);

  // The units in the order in which forward_backward() uses them.
  static std::vector<std::size_t> order_of_uses(const std::vector<Unit>& units);

  // Called with the logits of each micro-batch before the loss takes their place; for a step that isn't repeated.
  void watch_logits(std::function<void(const Tensor& logits)> watcher) { watcher_ = std::move(watcher); }

  TensorParallel& tensor() { return tensor_; }

  // One micro-batch: ids i32 [B, T + 1]; the loss, times `scale`, is added to `loss` fp32 [1]; gradients are added to
  // those of `sharding`, and handed to its reduction where `last`, the last micro-batch of the step.
  void forward_backward(Sharding& sharding, const Tensor& ids, const Tensor& loss, double scale, bool last);

 private:
  struct LayerActivations {
    AttentionActivations attention;
    MlpActivations mlp;
    LayerActivations(Device& device, const Shape& shape) : attention(device, shape), mlp(device, shape) {}
  };

  AttentionBlock attention(std::size_t unit) { return {shape_, units_[unit], frequencies_, tensor_}; }
  MlpBlock mlp(std::size_t unit) { return {shape_, units_[unit], tensor_}; }
  LayerActivations& activations(std::size_t unit) { return *layers_[recompute_ ? 0 : unit - 1]; }
  void forward_layer(Sharding& sharding, std::size_t unit);
  void backward_layer(Sharding& sharding, std::size_t unit, bool last);
  void reduce(Sharding& sharding, std::size_t unit, const Gradient& gradient);
  void head(Sharding& sharding, const Tensor& targets, const Tensor& loss, double scale, bool last);

  Device& device_;
  Shape shape_;
  TensorParallel tensor_;
  bool recompute_;
  const std::vector<Unit>& units_;
  Buffer frequencies_;            // fp32 [D / 2]
  std::vector<Buffer> inputs_{};  // [R, H]: the residual stream in front of each layer, and behind
  std::vector<std::unique_ptr<LayerActivations>> layers_{};  // one for all where they are recomputed
  AttentionScratch attention_scratch_;
  MlpScratch mlp_scratch_;
  Buffer branch_, d_normed_, d_stream_;  // [R, H]
  Buffer normed_, reciprocal_;           // of the final norm
  VocabularyBlock vocabulary_;
  std::function<void(const Tensor&)> watcher_{};
};

}  // namespace scalebench
