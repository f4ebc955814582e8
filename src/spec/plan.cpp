#include "spec/plan.hpp"

#include <algorithm>
#include <numeric>
#include <vector>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "base/check.hpp"

namespace scalebench {

namespace {

std::vector<int> divisors(int n) {
  std::vector<int> result;
  for (int d = 1; d <= n; ++d)
    if (n % d == 0) result.push_back(d);
  return result;
}

void check_ranks(const ParallelPlan& p, int ranks) {
  if (ranks < 1 || p.dp < 1 || p.tp < 1 || p.pp < 1)
    fail(Exit::bad_input, "dp {}, tp {}, pp {} on {} ranks is no plan (each must be at least 1) write --dp {}", p.dp,
         p.tp, p.pp, ranks, ranks);
  const std::int64_t product = std::int64_t{p.dp} * p.tp * p.pp;
  if (product != ranks)
    fail(Exit::bad_input,
         "dp {} x tp {} x pp {} = {}, but there are {} ranks (each rank has one place in the plan) choose among the "
         "divisors of {}: {}, with --dp {} --tp 1 --pp 1 for example",
         p.dp, p.tp, p.pp, product, ranks, ranks, fmt::join(divisors(ranks), ", "), ranks);
}

void check_model_parallel(const ParallelPlan& p, const ModelSpec& m) {
  if (m.kv_heads % p.tp != 0 || m.heads % p.tp != 0 || m.feed_forward % p.tp != 0)
    fail(
        Exit::bad_input,
        "--tp {} does not divide the {} query and {} key-value heads and the feed-forward size {} of {} (each rank has "
        "the same part, and a head is not cut) write --tp {}",
        p.tp, m.heads, m.kv_heads, m.feed_forward, m.name,
        fmt::join(divisors(static_cast<int>(std::gcd(std::gcd(m.kv_heads, m.heads), m.feed_forward))), " or "));
  if (p.sequence_parallel && p.tp == 1)
    fail(Exit::bad_input,
         "--sequence-parallel with --tp 1 (it is between tensor-parallel ranks) add --tp, or leave it out");
}

void check_pipeline(const ParallelPlan& p, const ModelSpec& m) {
  if (p.virtual_stages < 1)
    fail(Exit::bad_input,
         "--virtual-stages {} is no plan (a stage holds a chunk of the model) write --virtual-stages 1",
         p.virtual_stages);
  if (p.pp > m.layers)
    fail(Exit::bad_input, "--pp {} is more than the {} layers of {} (a stage needs a layer) write --pp {} or less",
         p.pp, m.layers, m.name, m.layers);
  if (p.virtual_stages == 1) return;
  if (p.pp == 1)
    fail(Exit::bad_input,
         "--virtual-stages {} with --pp 1 (there is no pipeline to interleave) write --virtual-stages 1",
         p.virtual_stages);
  const std::int64_t parts = std::int64_t{p.pp} * p.virtual_stages;
  if (parts > m.layers)
    fail(Exit::bad_input,
         "--pp {} x --virtual-stages {} = {} is more than the {} layers of {} (each chunk needs a layer) write "
         "--virtual-stages {} or less",
         p.pp, p.virtual_stages, parts, m.layers, m.name, m.layers / p.pp);
}

// Interleaved micro-batches pass in rounds of pp.
void check_rounds(const ParallelPlan& p) {
  if (p.virtual_stages == 1 || p.accumulation() % p.pp == 0) return;
  const std::int64_t unit = p.micro_batch * p.dp * p.pp, below = p.global_batch / unit * unit;
  fail(Exit::bad_input,
       "--virtual-stages {} with {} micro-batches (interleaved, they pass in rounds of pp {}) write --global-batch {}",
       p.virtual_stages, p.accumulation(), p.pp,
       below == 0 ? fmt::format("{}", unit) : fmt::format("{} or {}", below, below + unit));
}

void check_batch(const ParallelPlan& p) {
  if (p.micro_batch < 1)
    fail(Exit::bad_input, "--micro-batch {} is no batch (a rank needs a sequence) write --micro-batch 1",
         p.micro_batch);
  const std::int64_t unit = p.micro_batch * p.dp;
  if (p.global_batch < unit)
    fail(Exit::bad_input,
         "--global-batch {} is less than dp {} x micro-batch {} = {} (each rank needs a micro-batch) write "
         "--global-batch {}",
         p.global_batch, p.dp, p.micro_batch, unit, unit);
  if (p.global_batch % unit == 0) return;
  const std::int64_t below = p.global_batch / unit * unit;
  fail(Exit::bad_input,
       "--global-batch {} is no multiple of dp {} x micro-batch {} = {} (each rank does the same number of "
       "micro-batches) "
       "write --global-batch {} or {}",
       p.global_batch, p.dp, p.micro_batch, unit, below, below + unit);
}

void check_sequence(const ParallelPlan& p, const ModelSpec& m) {
  if (p.sequence < 1 || p.sequence > m.max_sequence)
    fail(Exit::bad_input, "--seq {} is out of range ({} was made for 1 to {} tokens) write --seq {}", p.sequence,
         m.name, m.max_sequence, p.sequence < 1 ? 1 : m.max_sequence);
}

void check_rows(const ParallelPlan& p) {
  const std::int64_t rows = p.micro_batch * p.sequence;
  if (p.sequence_parallel && rows % p.tp != 0)
    fail(Exit::bad_input,
         "--sequence-parallel: {} tokens of a micro-batch over {} ranks leave {} (each rank has the same number) write "
         "--seq {}, or leave it out",
         rows, p.tp, rows % p.tp, std::max<std::int64_t>(1, p.sequence / p.tp) * p.tp);
}

struct Width {
  std::string_view name;
  std::int64_t size;
};

// What becomes a side of a product of a layer, on one rank.
std::array<Width, 5> widths_of(const ParallelPlan& p, const ModelSpec& m) {
  const std::int64_t kv_heads = std::max<std::int64_t>(1, m.kv_heads / p.tp);
  return {{{"hidden size", m.hidden},
           {"width of the query heads", m.heads / p.tp * m.head_dim},
           {"width of the query, key and value heads", (m.heads / p.tp + 2 * kv_heads) * m.head_dim},
           {"feed-forward size", m.feed_forward / p.tp},
           {"number of tokens of a micro-batch", scales_gradients(p.products) ? p.micro_batch * p.sequence : 0}}};
}

// Sides of products of 8 and 4 bits, by which GPUs multiply them: 16 bytes.
std::int64_t unit_of(Products products) { return products == Products::nvfp4 ? 32 : 16; }

void check_widths(const ParallelPlan& p, const ModelSpec& m) {
  for (const auto& [name, size] : widths_of(p, m))
    if (size % unit_of(p.products) != 0)
      fail(Exit::bad_input,
           "--dtype {}: the {} of a rank is {}, no multiple of {} (GPUs multiply such matrices in parts of 16 bytes) "
           "write {}--dtype bf16",
           precision_name(p), name, size, unit_of(p.products),
           name.starts_with("number") ? fmt::format("--seq {}, or ", (p.sequence + 15) / 16 * 16)
           : p.tp > 1                 ? "a smaller --tp, or "
                                      : "");
}

void check_sharding(const ParallelPlan& p) {
  if (p.shard != Shard::hybrid && p.shard_group != 0)
    fail(Exit::bad_input,
         "--shard-group {} with --shard {} (its ranks are all of dp) write --shard hybrid, or leave it out",
         p.shard_group, name_of(p.shard));
  if (p.shard == Shard::hybrid && (p.shard_group < 1 || p.dp % p.shard_group != 0))
    fail(Exit::bad_input,
         "--shard-group {} does not divide dp {} (each group holds one copy of the state) write --shard-group {}",
         p.shard_group, p.dp, fmt::join(divisors(p.dp), " or "));
}

void check_schedule(const ParallelPlan& p) {
  if (p.dtype == DType::i32)
    fail(Exit::bad_input, "--dtype {} can't be trained in (weights are real numbers) write --dtype bf16, fp16 or fp32",
         name_of(p.dtype));
  if (p.reduce_dtype != DType::f32 && p.reduce_dtype != DType::bf16 && p.reduce_dtype != DType::f16)
    fail(Exit::bad_input,
         "--reduce-dtype {} can't hold gradients (they are real numbers) write --reduce-dtype bf16, fp16 or fp32",
         name_of(p.reduce_dtype));
  if (p.reduce_dtype == DType::f16 && p.dtype != DType::f16)
    fail(Exit::bad_input,
         "--reduce-dtype fp16 with --dtype {} (gradients below 6e-8 would vanish: only with --dtype fp16 they are "
         "scaled) write --reduce-dtype bf16",
         name_of(p.dtype));
  if (p.optimizer.kind == Optimizer::sgd && p.optimizer.state_dtype != DType::f32)
    fail(Exit::bad_input,
         "--optimizer-state-dtype {} with --optimizer sgd (without momentum it has no state) leave it out",
         p.optimizer.state_dtype == DType::bf16 ? "bf16" : "fp8");
  if (p.optimizer.kind == Optimizer::sgd && p.offload)
    fail(Exit::bad_input, "--offload optimizer with --optimizer sgd (without momentum it has no state) leave it out");
  if (p.prefetch < 0)
    fail(Exit::bad_input, "--prefetch {} is negative (it counts blocks gathered ahead) write --prefetch 1", p.prefetch);
  if (p.bucket_bytes < 1)
    fail(Exit::bad_input, "--bucket {} holds nothing (gradients are reduced a bucket at a time) write --bucket 25MiB",
         p.bucket_bytes);
}

}  // namespace

std::string name_of(const Order& order) {
  return fmt::format("{},{},{}", name_of(order[0]), name_of(order[1]), name_of(order[2]));
}

std::string_view precision_name(const ParallelPlan& plan) {
  switch (plan.products) {
    case Products::plain:
      return name_of(plan.dtype);
    case Products::tf32:
      return "tf32";
    case Products::fp8_tensor:
    case Products::fp8_block:
      return "fp8";
    case Products::mxfp8:
      return "mxfp8";
    case Products::nvfp4:
      return "nvfp4";
  }
  return "?";
}

std::string_view fp8_scaling_name(Products products) {
  if (!is_fp8(products)) return "";
  return products == Products::fp8_block ? "block" : "tensor";
}

double flops_in_products(const ParallelPlan& plan, const ModelSpec& model) {
  if (plan.products == Products::plain) return 0;
  const double linear = training_linear_flops_per_token(model);
  if (plan.products == Products::tf32) return linear + training_head_flops_per_token(model);
  return scales_gradients(plan.products) ? linear : linear / 3;
}

int ParallelPlan::stride(Dimension d) const {
  int stride = 1;
  for (const Dimension inner : order) {
    if (inner == d) break;
    stride *= size(inner);
  }
  return stride;
}

int default_shard_group(int dp, int dp_on_node) {
  int group = std::max(1, dp > dp_on_node ? dp_on_node : dp / 2);
  while (dp % group != 0) --group;
  return group;
}

void validate_for_decode(const ParallelPlan& p, const ModelSpec& m, int ranks) {
  check_ranks(p, ranks);
  const auto suits = [&](std::int64_t tp) {
    return m.heads % tp == 0 && m.feed_forward % tp == 0 && (m.kv_heads % tp == 0 || tp % m.kv_heads == 0);
  };
  if (!suits(p.tp)) {
    std::vector<int> sizes = divisors(static_cast<int>(std::gcd(m.heads, m.feed_forward)));
    std::erase_if(sizes, [&](int tp) { return !suits(tp) || ranks % tp != 0; });
    fail(Exit::bad_input,
         "--tp {} does not suit the {} query and {} key-value heads and the feed-forward size {} of {} (each rank has "
         "the same part of the first, and of the second one head at least) write --tp {}",
         p.tp, m.heads, m.kv_heads, m.feed_forward, m.name, fmt::join(sizes, " or "));
  }
  if (p.pp > 1)
    fail(Exit::bad_input,
         "--pp {} of a decode workload is not in this version (its layers are all on each rank) write "
         "--tp {}",
         p.pp, p.pp * p.tp);
  check_schedule(p);
}

void validate(const ParallelPlan& plan, const ModelSpec& model, int ranks) {
  check_ranks(plan, ranks);
  check_model_parallel(plan, model);
  check_pipeline(plan, model);
  check_batch(plan);
  check_rounds(plan);
  check_sequence(plan, model);
  check_rows(plan);
  check_sharding(plan);
  check_schedule(plan);
  if (!products_suit(plan, model)) check_widths(plan, model);
}

bool products_suit(const ParallelPlan& p, const ModelSpec& m) {
  if (!is_scaled(p.products)) return true;
  const auto widths = widths_of(p, m);
  return std::ranges::all_of(widths, [&](const Width& w) { return w.size % unit_of(p.products) == 0; });
}

}  // namespace scalebench
