// The cells of the matrix of training: plans, schedules and models that must all give the numbers of one rank.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "collectives/mpi/session.hpp"
#include "tests/main_mpi.hpp"
#include "tests/workloads/trained.hpp"
#include "workloads/registry.hpp"

namespace scalebench::test {

// Of one step: 24 divide over 8 ranks, too.
inline std::int64_t sequences() { return test_session().size() == 8 ? 24 : 12; }

struct Variant {
  std::string name;
  std::int64_t micro_batch;  // 0: as large as it can be, without accumulation
  bool overlap = true;
  int prefetch = 1;
  bool reshard = true;
  Recompute recompute = Recompute::full;
  std::int64_t bucket = 1000;  // bytes: several, and none of them a unit
  bool tied = false;
  int tp = 0;  // 0: the workload's
  bool sequence_parallel = false;
  std::optional<Shard> shard{};  // of fsdp70b alone
  Family family = Family::llama;
  Optimizer optimizer = Optimizer::adamw;
  DType reduce_dtype = DType::f32;
};

// What trains to the same numbers whatever the plan.
struct Form {
  bool tied;
  Family family;
  Optimizer optimizer;
  auto operator<=>(const Form&) const = default;
};
inline Form form_of(const Variant& v) { return {v.tied, v.family, v.optimizer}; }

// Each family's own, and a window that cuts off most of a sequence.
inline ModelSpec model_of(const Form& form) {
  ModelSpec m = tiny_model();
  m.tied_embeddings = form.tied, m.family = form.family;
  m.query_key_norm = m.family == Family::qwen3;
  m.layer_norm = m.family == Family::gpt2;
  m.query_key_value_bias = m.family == Family::qwen2 || m.layer_norm;
  if (m.family == Family::mistral) m.window = 7;
  if (m.layer_norm) m.kv_heads = m.heads;
  return m;
}

inline const std::vector<Variant>& variants() {
  static const std::vector<Variant> all = {
      {.name = "plain", .micro_batch = 0},
      {.name = "no overlap", .micro_batch = 0, .overlap = false},
      {.name = "accumulation", .micro_batch = 1},
      {.name = "accumulation, no reshard", .micro_batch = 1, .reshard = false},
      {.name = "no recomputation", .micro_batch = 0, .recompute = Recompute::none},
      {.name = "attention recomputed", .micro_batch = 0, .recompute = Recompute::attention},
      {.name = "no prefetch", .micro_batch = 0, .prefetch = 0},
      {.name = "prefetch 3, one bucket",
       .micro_batch = 0,
       .prefetch = 3,
       .recompute = Recompute::none,
       .bucket = 1 << 20},
      {.name = "tied", .micro_batch = 0, .tied = true},
      {.name = "tied, accumulation, no reshard, no recomputation",
       .micro_batch = 1,
       .reshard = false,
       .recompute = Recompute::none,
       .tied = true},
      {.name = "tp 2", .micro_batch = 0, .tp = 2},
      {.name = "tp 2, sequence parallel, no overlap",
       .micro_batch = 0,
       .overlap = false,
       .recompute = Recompute::none,
       .tp = 2,
       .sequence_parallel = true},
      {.name = "tp 2, sequence parallel, tied, accumulation",
       .micro_batch = 1,
       .tied = true,
       .tp = 2,
       .sequence_parallel = true},
      {.name = "tp 3, accumulation, no recomputation", .micro_batch = 2, .recompute = Recompute::none, .tp = 3},
      {.name = "tp 3, sequence parallel, no prefetch",
       .micro_batch = 0,
       .prefetch = 0,
       .tp = 3,
       .sequence_parallel = true},
      {.name = "ZeRO-2", .micro_batch = 0, .shard = Shard::gradients},
      {.name = "ZeRO-2, accumulation, tied", .micro_batch = 1, .tied = true, .shard = Shard::gradients},
      {.name = "qwen3, accumulation", .micro_batch = 1, .family = Family::qwen3},
      {.name = "gpt2, tied", .micro_batch = 0, .tied = true, .family = Family::gpt2},
      {.name = "qwen2, tp 2", .micro_batch = 0, .tp = 2, .family = Family::qwen2},
      {.name = "qwen3, tp 2, sequence parallel",
       .micro_batch = 0,
       .tp = 2,
       .sequence_parallel = true,
       .family = Family::qwen3},
      {.name = "qwen3, tp 2, accumulation, no recomputation",
       .micro_batch = 1,
       .recompute = Recompute::none,
       .tp = 2,
       .family = Family::qwen3},
      {.name = "mistral, tp 2", .micro_batch = 0, .tp = 2, .family = Family::mistral},
      {.name = "gpt2, tp 2, sequence parallel, tied, accumulation",
       .micro_batch = 1,
       .tied = true,
       .tp = 2,
       .sequence_parallel = true,
       .family = Family::gpt2},
      {.name = "reduced in bf16", .micro_batch = 0, .reduce_dtype = DType::bf16},
      {.name = "reduced in bf16, accumulation, tp 2", .micro_batch = 1, .tp = 2, .reduce_dtype = DType::bf16},
      {.name = "reduced in bf16, ZeRO-2, tied",
       .micro_batch = 1,
       .tied = true,
       .shard = Shard::gradients,
       .reduce_dtype = DType::bf16},
      {.name = "SGD, accumulation", .micro_batch = 1, .optimizer = Optimizer::sgd},
      {.name = "SGD, ZeRO-2", .micro_batch = 0, .shard = Shard::gradients, .optimizer = Optimizer::sgd},
  };
  return all;
}

// Of gpt175b as on two nodes, over which it has a pipeline.
inline Assignment assignment_of(const Workload& workload, const Variant& v, int ranks, DType dtype) {
  const int on_node = workload.name == "gpt175b" && ranks % 2 == 0 ? ranks / 2 : ranks;
  Assignment a{.model = model_of(form_of(v)), .plan = workload.plan(ranks, on_node), .seed = 7};
  a.model.layers = std::max(3, ranks);  // one for each stage
  a.plan.sequence = 24;
  if (v.shard) a.plan.shard = *v.shard;
  if (v.tp > 0) {
    if (ranks % (v.tp * a.plan.pp) != 0) a.plan.pp = 1;
    a.plan.tp = v.tp, a.plan.dp = ranks / v.tp / a.plan.pp, a.plan.sequence_parallel = v.sequence_parallel;
  }
  while (a.model.kv_heads % a.plan.tp != 0 || a.model.feed_forward % a.plan.tp != 0) a.plan.tp /= 2, a.plan.dp *= 2;
  if (a.plan.shard_group > 0 && a.plan.dp % a.plan.shard_group != 0)
    a.plan.shard_group = default_shard_group(a.plan.dp, a.plan.dp);
  a.plan.global_batch = sequences();
  a.plan.micro_batch = v.micro_batch > 0 ? v.micro_batch : sequences() / (a.plan.dp * a.plan.pp);
  a.plan.overlap = v.overlap;
  a.plan.prefetch = v.prefetch;
  a.plan.reshard_after_forward = v.reshard;
  a.plan.recompute = v.recompute;
  a.plan.bucket_bytes = v.bucket;
  a.plan.dtype = dtype;
  a.plan.optimizer = settings_of(v.optimizer);
  // Beside bf16 and fp32, in which nothing keeps small gradients from vanishing, fp16 can't be reduced in.
  a.plan.reduce_dtype = v.reduce_dtype != DType::f32 && dtype == DType::f16 ? DType::f16 : v.reduce_dtype;
  return a;
}

inline bool possible(const Workload& workload, const Variant& v, int ranks) {
  return (v.tp == 0 || ranks % v.tp == 0) && (!v.shard || workload.name == "fsdp70b");
}

// What N ranks may differ by from one where numbers are rounded to `dtype` of 16 bits on their way. The first steps of
// AdamW are as long as its rate however small a gradient is, so that a rounding across zero turns a whole step around.
// As many turn as lie so near to zero: a distance of the gradients grows with the root of the rounding, not with itself
// (4 ranks, all variants: AdamW 2.0e-2 in bf16 and 1.2e-2 in fp16; SGD 8.9e-3 and 9.2e-4).
inline Distance tolerated(DType dtype, Optimizer optimizer) {
  const double finer = dtype == DType::f16 ? 0.125 : 1;  // three more bits than bf16
  return {.loss = 1e-2 * finer,
          .norm = 5e-2 * finer,
          .gradient = 5e-2 * (optimizer == Optimizer::adamw ? std::sqrt(finer) : finer)};
}

// How products of fewer bits are tested: the largest distance of the losses from those of plain products, and of what N
// ranks compute from what one does. Each rank rounds, and scales, what it has, so that N differ by what rounding does.
struct Coarse {
  Products products;
  double from_plain;
  Distance of_ranks;
};
inline const std::vector<Coarse>& coarse_products() {
  static const std::vector<Coarse> all = {
      {.products = Products::tf32, .from_plain = 1e-3, .of_ranks = {.loss = 1e-3, .norm = 2e-3, .gradient = 5e-3}},
      {.products = Products::fp8_tensor,
       .from_plain = 2e-2,
       .of_ranks = {.loss = 2e-2, .norm = 1e-1, .gradient = 2e-1}},
      {.products = Products::fp8_block, .from_plain = 2e-2, .of_ranks = {.loss = 2e-2, .norm = 1e-1, .gradient = 2e-1}},
      {.products = Products::mxfp8, .from_plain = 2e-2, .of_ranks = {.loss = 2e-2, .norm = 1e-1, .gradient = 2e-1}},
      {.products = Products::nvfp4, .from_plain = 5e-2, .of_ranks = {.loss = 5e-2, .norm = 2e-1, .gradient = 5e-1}},
  };
  return all;
}

// Of sizes that products of 8 and 4 bits take, also of two parts.
inline Assignment coarse_assignment(const Workload& workload, int ranks, int tp, Products products) {
  Assignment a{.model = tiny_model(), .plan = workload.plan(ranks, ranks), .seed = 7};
  a.model.layers = 2;
  a.model.hidden = 64, a.model.feed_forward = 128;
  a.model.heads = 4, a.model.kv_heads = 2, a.model.head_dim = 16;
  a.plan.tp = tp, a.plan.pp = 1, a.plan.dp = ranks / tp;
  a.plan.sequence_parallel = tp > 1;
  a.plan.sequence = 32;
  a.plan.global_batch = sequences(), a.plan.micro_batch = sequences() / a.plan.dp;
  a.plan.dtype = stored_dtype(products), a.plan.products = products;
  return a;
}

inline std::vector<Workload> training_workloads() {
  std::vector<Workload> all;
  for (const Workload& w : workloads())
    if (w.kind == WorkloadKind::training) all.push_back(w);
  return all;
}

}  // namespace scalebench::test
