// The transformer of decode: one ragged batch forward, with keys and values of earlier positions in a paged cache, and
// the tokens that its logits give. Tensor-parallel ranks hold heads and columns as in training, and the cache of their
// own heads.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include <fmt/format.h>

#include "kernels/device.hpp"
#include "workloads/blocks/batch.hpp"
#include "workloads/blocks/decode_buckets.hpp"
#include "workloads/blocks/decode_weights.hpp"
#include "workloads/blocks/layer_parameters.hpp"
#include "workloads/blocks/tensor_parallel.hpp"
#include "workloads/workload.hpp"

namespace scalebench {

// The most of what a step may hold.
struct DecodeLimits {
  std::int64_t rows = 1;       // N
  std::int64_t sequences = 1;  // S
  std::int64_t table = 1;      // M: blocks of one sequence
  std::int64_t blocks = 1;     // of the cache
};

class Decoder {
 public:
  Decoder(World& world, const Assignment& assignment, const DecodeLimits& limits);

  // Bytes of the cache that one block takes on one rank: keys and values of all layers.
  static std::int64_t bytes_of_block(const ModelSpec& model, const ParallelPlan& plan, DType dtype);

  // Runs a batch; where it draws, the drawn tokens are in sampled() afterwards, in the order of its draws. Where the
  // device prefers it and nothing is recorded, a batch that only decodes is a step that is repeated.
  void run(const Batch& batch);
  // Makes the steps that will be repeated, so that none is made while requests wait. Nothing may be under way.
  void prepare();
  Tensor sampled(std::int64_t draws) const { return sampled_.tensor().slice(0, 0, draws); }  // i32 [G]

  // A NaN in the weights: how tests make a run fail that must fail.
  void corrupt();

  // Bytes that a step must read: the weights, once, and the keys and values of its sequences.
  double bytes_of(const Batch& batch) const;

  // Called with the logits of each draw, [parts, G, V / parts]; for tests and dumps.
  using LogitsWatcher = std::function<void(const Batch&, const Tensor& logits)>;
  void watch_logits(LogitsWatcher watcher) { watcher_ = std::move(watcher); }

 private:
  // A batch on the device.
  struct Rows {
    Tensor given, origins, positions, slots;          // i32 [N]
    Tensor starts, lengths;                           // i32 [S + 1], [S]
    Tensor draw_rows, draw_requests, draw_positions;  // i32 [G]
    Tensor blocks;                                    // i32 [S, M]
  };
  struct Layer {
    Buffer keys, values;  // [blocks, K, P, D]
  };

  bool repeats() const;
  void repeat(const Batch& batch, const DecodeBucket& bucket);
  void issue(const Batch& batch, const Rows& rows);
  Rows upload(const Batch& batch);
  void embed(const Rows& rows, const Tensor& stream);
  void attend(std::size_t layer, const Batch& batch, const Rows& rows, const Tensor& branch_before);
  void feed_forward(std::size_t layer, std::int64_t rows);
  void draw(const Batch& batch, const Rows& rows);
  Tensor logits_of(std::int64_t draws) const;
  Tensor first(const Buffer& buffer, std::int64_t rows) const { return buffer.tensor().slice(0, 0, rows); }

  Device& device_;
  ModelSpec model_;
  Sampling sampling_;
  std::uint64_t seed_;
  Shape shape_;
  TensorParallel tensor_;
  Communicator* gather_ = nullptr;  // logits
  DecodeWeights weights_;
  std::vector<Layer> cache_{};
  Buffer frequencies_{};                          // fp32 [D / 2], unless positions are learned
  Buffer inputs_, tokens_, sampled_;              // i32
  Buffer stream_, branch_;                        // [N, H]
  NormActivations norm_;                          // [N, H]
  Buffer qkv_, heads_;                            // [N, (A + 2 K) D], [N, A D]
  Buffer query_reciprocal_{}, key_reciprocal_{};  // fp32 [N, A], [N, K]: of norms of heads
  Buffer up_, gated_;                             // [N, 2 F] or [N, F], [N, F]
  Buffer last_stream_, last_branch_;              // [G, H]
  Buffer logits_, all_logits_{};                  // [G, V / tp], [tp, G, V / tp]
  DecodeBuckets buckets_;
  std::string key_ = fmt::format("decode_{}", device_.witness().next_event_id());  // of its tapes
  LogitsWatcher watcher_{};
};

}  // namespace scalebench
