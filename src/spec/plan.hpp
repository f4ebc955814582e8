// How it is trained: the parallel plan and the schedule, since these decide time and memory.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/dtype.hpp"
#include "spec/model.hpp"

namespace scalebench {

// What the data-parallel ranks share out: DDP, ZeRO-1, -2 and -3 (FSDP), HSDP.
enum class Shard : std::uint8_t { none, optimizer, gradients, parameters, hybrid };
// attention: scores, softmax and their product with the values alone (Korthikanti et al. 2022, "selective").
enum class Recompute : std::uint8_t { none, attention, full };
constexpr std::string_view name_of(Shard shard) {
  constexpr std::string_view names[] = {"none", "optimizer", "gradients", "parameters", "hybrid"};
  return names[static_cast<std::size_t>(shard)];
}
constexpr std::string_view name_of(Recompute recompute) {
  constexpr std::string_view names[] = {"none", "attention", "full"};
  return names[static_cast<std::size_t>(recompute)];
}

enum class Optimizer : std::uint8_t { adamw, sgd };
constexpr std::string_view name_of(Optimizer optimizer) { return optimizer == Optimizer::adamw ? "adamw" : "sgd"; }

// AdamW as the field fine-tunes and pre-trains Llama with it (Llama 2's report); the rate suits the shrunk models too.
struct OptimizerSettings {
  Optimizer kind = Optimizer::adamw;
  double learning_rate = 1e-3, beta1 = 0.9, beta2 = 0.95, epsilon = 1e-8, weight_decay = 0.1;
  double clip = 1.0;  // largest global gradient norm
  bool operator==(const OptimizerSettings&) const = default;
};

// Stochastic gradient descent without momentum and decay, as torch.optim.SGD unless told otherwise, so without state.
// The rate suits gradients that are clipped to a norm of 1.
constexpr OptimizerSettings kSgd{
    .kind = Optimizer::sgd, .learning_rate = 0.1, .beta1 = 0, .beta2 = 0, .epsilon = 0, .weight_decay = 0};
constexpr OptimizerSettings settings_of(Optimizer kind) { return kind == Optimizer::sgd ? kSgd : OptimizerSettings{}; }

enum class Dimension : std::uint8_t { tp, dp, pp };
constexpr std::string_view name_of(Dimension d) { return d == Dimension::tp ? "tp" : d == Dimension::dp ? "dp" : "pp"; }
using Order = std::array<Dimension, 3>;
std::string name_of(const Order& order);  // "tp,dp,pp"

struct ParallelPlan {
  int dp = 1, tp = 1, pp = 1;                                   // ranks = dp x tp x pp
  int virtual_stages = 1;                                       // chunks of the model that a pipeline stage holds
  Order order = {Dimension::tp, Dimension::dp, Dimension::pp};  // innermost first: neighbouring ranks
  bool sequence_parallel = false;  // tp ranks share the rows of the stream between their blocks, too
  int shard_group = 0;             // Shard::hybrid: dp ranks that share one copy of the state; the others hold copies
  Shard shard = Shard::none;
  bool reshard_after_forward = true;     // gather again for the backward
  int prefetch = 1;                      // blocks gathered ahead of the one that computes
  bool overlap = true;                   // communication beside compute
  std::int64_t bucket_bytes = 25 << 20;  // of gradients reduced at once: Shard::none, optimizer

  std::int64_t micro_batch = 1;   // sequences of one forward and backward, per rank
  std::int64_t global_batch = 0;  // sequences of one step, over all ranks
  std::int64_t sequence = 0;      // tokens

  DType dtype = DType::f32;
  DType reduce_dtype = DType::f32;
  Recompute recompute = Recompute::none;
  OptimizerSettings optimizer{};

  int ranks() const { return dp * tp * pp; }
  int size(Dimension d) const { return d == Dimension::tp ? tp : d == Dimension::dp ? dp : pp; }
  // Ranks between neighbours along a dimension.
  int stride(Dimension d) const;
  // Micro-batches of one step on one rank; gradients are not reduced in between.
  std::int64_t accumulation() const { return global_batch / (dp * micro_batch); }
  // Micro-batches where nobody says how many: four a stage keep a pipeline's bubble small (GPipe; Huang et al. 2019).
  std::int64_t natural_accumulation() const { return pp > 1 ? 4 * pp : 1; }
  std::int64_t tokens_per_step() const { return global_batch * sequence; }
  bool operator==(const ParallelPlan&) const = default;
};

// Data-parallel ranks that share one copy under Shard::hybrid, unless said: those of a node, or half of them where
// there is one node only; the largest divisor of `dp` up to that.
int default_shard_group(int dp, int dp_on_node);

// Throws Error(bad_input) that names the values that would fit, where the plan can't be.
void validate(const ParallelPlan& plan, const ModelSpec& model, int ranks);
// The same of decode, where tensor-parallel ranks may hold the same key-value head, and nothing is trained.
void validate_for_decode(const ParallelPlan& plan, const ModelSpec& model, int ranks);

}  // namespace scalebench
