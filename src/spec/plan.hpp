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
  double clip = 1.0;               // largest global gradient norm
  DType state_dtype = DType::f32;  // of the moments; e4m3: with a scale for each kMomentBlock
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

// How the linear products of the layers multiply, where not as their tensors are stored: in fewer bits, the sums in
// fp32. tf32: operands of fp32 rounded to 10 bits of mantissa. FP8: of bf16, each tensor with a scale of its own, or
// each 1 x 128 of activations and gradients and 128 x 128 of weights (DeepSeek-AI 2024). mxfp8: 1 x 32 (OCP
// Microscaling Formats). nvfp4: FP4, 1 x 16 (NVIDIA 2025). Embedding, norms, attention and, but for tf32, logits stay
// as they are.
enum class Products : std::uint8_t { plain, tf32, fp8_tensor, fp8_block, mxfp8, nvfp4 };
constexpr bool is_fp8(Products products) { return products == Products::fp8_tensor || products == Products::fp8_block; }
// Of 8 and 4 bits with scales. NVFP4's recipe for gradients (Hadamard transforms, stochastic rounding: NVIDIA 2025,
// arXiv 2509.25149) is not here, so that those of nvfp4 are multiplied as they are stored.
constexpr bool is_scaled(Products products) { return products != Products::plain && products != Products::tf32; }
constexpr bool scales_gradients(Products products) { return is_scaled(products) && products != Products::nvfp4; }
// Of the tensors that are multiplied so.
constexpr DType stored_dtype(Products products) { return products == Products::tf32 ? DType::f32 : DType::bf16; }

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
  Products products = Products::plain;
  Recompute recompute = Recompute::none;
  OptimizerSettings optimizer{};
  bool offload = false;  // masters and moments are in the host's memory

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

// "fp8", or the dtype where all multiply as they are stored: what --dtype says.
std::string_view precision_name(const ParallelPlan& plan);
// How --dtype fp8 is scaled: "tensor", "block"; "" of others.
std::string_view fp8_scaling_name(Products products);

// Model FLOPs of a token, of FlopsPerToken::megatron, that multiply as `products` says.
double flops_in_products(const ParallelPlan& plan, const ModelSpec& model);

// Data-parallel ranks that share one copy under Shard::hybrid, unless said: those of a node, or half of them where
// there is one node only; the largest divisor of `dp` up to that.
int default_shard_group(int dp, int dp_on_node);

// Throws Error(bad_input) that names the values that would fit, where the plan can't be.
void validate(const ParallelPlan& plan, const ModelSpec& model, int ranks);
// Whether the layers' sizes on each rank are those that the plan's `products` multiply.
bool products_suit(const ParallelPlan& plan, const ModelSpec& model);
// The same of decode, where tensor-parallel ranks may hold the same key-value head, and nothing is trained.
void validate_for_decode(const ParallelPlan& plan, const ModelSpec& model, int ranks);

}  // namespace scalebench
