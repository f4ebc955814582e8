// A decoder-only transformer as the families of ModelSpec define it, or the chunks of it that one rank holds: forward,
// and the backward written by hand.
#pragma once

#include <functional>
#include <memory>
#include <vector>

#include "kernels/device.hpp"
#include "workloads/blocks/attention.hpp"
#include "workloads/blocks/linear.hpp"
#include "workloads/blocks/mlp.hpp"
#include "workloads/blocks/schedule.hpp"
#include "workloads/blocks/sharding.hpp"
#include "workloads/blocks/stage.hpp"
#include "workloads/blocks/tensor_parallel.hpp"
#include "workloads/blocks/vocabulary.hpp"

namespace scalebench {

// A micro-batch on its way through a chunk, forward or back.
struct Passage {
  std::size_t chunk{};
  std::int64_t micro_batch{};
  Tensor ids{};       // i32 [B, T + 1], where the chunk embeds or has the head
  Tensor behind{};    // [R, H]: the stream behind the chunk, forward
  Tensor d_stream{};  // [R, H]: gradient of the stream behind the chunk; in front of it after the backward
};

// Micro-batches of a chunk that are kept at a time.
struct Kept {
  std::int64_t inputs = 1;       // received, or to be, and not gone back
  std::int64_t activations = 1;  // gone forward and not back
};

class Transformer {
 public:
  Transformer(Device& device, Mesh& mesh, const ModelSpec& model, const ParallelPlan& plan, const Stage& stage,
              const std::vector<Kept>& kept);

  // The stage's units in the order in which a schedule uses them.
  static std::vector<std::size_t> order_of_uses(const Stage& stage, const std::vector<Action>& schedule);

  // Called with the logits of each micro-batch before the loss takes their place; for a step that isn't repeated.
  using LogitsWatcher = std::function<void(const Tensor& ids, const Tensor& logits)>;
  void watch_logits(LogitsWatcher watcher) { watcher_ = std::move(watcher); }

  TensorParallel& tensor() { return tensor_; }

  // [R, H]: the stream in front of a chunk, of which there are as many as are kept.
  const Tensor& input(std::size_t chunk, std::int64_t micro_batch) const;

  // The passages of a chunk begin with micro-batch 0 and follow each other, in either direction. Forward, the head goes
  // back at once: its backward must be the next passage.
  void forward(Sharding& sharding, const Passage& p, const Loss& loss);
  // Gradients are added to those of `sharding`, and handed to its reduction where `last`, the chunk's last of the step.
  // A unit that another stage holds, too, is not handed on: reduce() does, once both have added it up.
  void backward(Sharding& sharding, const Passage& p, bool last);
  void reduce(Sharding& sharding, std::size_t unit);

 private:
  struct LayerActivations {
    AttentionActivations attention;
    MlpActivations mlp;
    LayerActivations(Device& device, const Shape& shape, bool with_core)
        : attention(device, shape, with_core), mlp(device, shape) {}
  };
  struct ChunkMemory {
    std::vector<std::vector<Buffer>> inputs{};  // [kept][layers] of [R, H]: the stream in front of each layer
    std::vector<std::vector<std::unique_ptr<LayerActivations>>> layers{};  // [kept][layers], unless recomputed
  };

  AttentionBlock attention(std::size_t unit) {
    return {shape_, stage_.units[unit], frequencies_, tensor_, linear_, core_.get()};
  }
  MlpBlock mlp(std::size_t unit) { return {shape_, stage_.units[unit], tensor_, linear_}; }
  const Tensor& input(const Passage& p, std::size_t unit) const;  // in front of a layer
  LayerActivations& activations(const Passage& p, std::size_t unit);

  void allocate(const Chunk& chunk, const Kept& kept);
  void embed(Sharding& sharding, std::size_t unit, const Passage& p);
  void forward_layer(Sharding& sharding, std::size_t unit, const Passage& p);
  void head(Sharding& sharding, std::size_t unit, const Passage& p, const Loss& loss);
  void backward_layer(Sharding& sharding, std::size_t unit, const Passage& p, bool last);
  void backward_embedding(Sharding& sharding, std::size_t unit, const Passage& p);

  Device& device_;
  Shape shape_;
  TensorParallel tensor_;
  Linear linear_;  // of the layers
  Recompute recompute_;
  const Stage& stage_;
  Buffer frequencies_{};  // fp32 [D / 2], unless positions are learned
  std::vector<ChunkMemory> chunks_{};
  std::unique_ptr<LayerActivations> recomputed_{};  // one for all layers
  std::unique_ptr<AttentionCore> core_{};           // of recomputed attention
  AttentionScratch attention_scratch_;
  MlpScratch mlp_scratch_;
  Buffer branch_, d_normed_;  // [R, H]
  NormActivations norm_{};    // the final one
  VocabularyBlock vocabulary_;
  LogitsWatcher watcher_{};
};

}  // namespace scalebench
