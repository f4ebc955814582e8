#include "app/remedies.hpp"

#include <algorithm>
#include <functional>
#include <optional>

#include <fmt/format.h>

#include "app/dry_run.hpp"
#include "base/check.hpp"

namespace scalebench {

namespace {

constexpr int kMostRanks = 16384, kMostTensorRanks = 8;

struct Change {
  std::string flags;
  std::function<void(PointPlan&)> apply;
};

// dp follows the ranks, and the sequences of a rank stay.
void set_ranks(PointPlan& point, int ranks, int tp, int places) {
  ParallelPlan& plan = point.assignment.plan;
  const std::int64_t of_rank = plan.global_batch / plan.dp;
  const bool natural_group = plan.shard_group == default_shard_group(plan.dp, std::min(point.ranks, places) / plan.tp);
  point.ranks = ranks;
  plan.tp = tp;
  plan.dp = ranks / (tp * plan.pp);
  plan.global_batch = of_rank * plan.dp;
  if (plan.shard == Shard::hybrid && natural_group)
    plan.shard_group = default_shard_group(plan.dp, std::min(ranks, places) / tp);
}

std::optional<Remedy> tried(const Job& job, const Change& change, double memory) {
  PointPlan point = job.largest();
  change.apply(point);
  try {
    validate(point.assignment.plan, point.assignment.model, point.ranks);
  } catch (const Error&) {
    return std::nullopt;  // a plan that can't be
  }
  const DryRun run = heaviest_dry_run(job.workload, point);
  const auto bytes = static_cast<double>(run.memory.peak);
  if (bytes > memory) return std::nullopt;
  return Remedy{change.flags, bytes, static_cast<double>(run.host_memory.peak)};
}

std::vector<Change> recomputing(const ParallelPlan& plan) {
  if (plan.recompute == Recompute::full) return {};
  return {{"--recompute full", [](PointPlan& p) { p.assignment.plan.recompute = Recompute::full; }}};
}

// From the least to the most that is shared out.
std::vector<Change> sharding(const ParallelPlan& plan) {
  std::vector<Change> changes;
  for (const bool recompute : {false, true})
    for (const Shard shard : {Shard::optimizer, Shard::gradients, Shard::parameters}) {
      if (plan.dp == 1 || shard <= plan.shard || (recompute && plan.recompute == Recompute::full)) continue;
      changes.push_back({fmt::format("--shard {}{}", name_of(shard), recompute ? " --recompute full" : ""),
                         [shard, recompute](PointPlan& p) {
                           p.assignment.plan.shard = shard;
                           p.assignment.plan.shard_group = 0;
                           if (recompute) p.assignment.plan.recompute = Recompute::full;
                         }});
    }
  return changes;
}

std::vector<Change> cutting(const PointPlan& now, int places) {
  std::vector<Change> changes;
  for (int tp = 2 * now.assignment.plan.tp; tp <= kMostTensorRanks && tp <= now.ranks; tp *= 2)
    changes.push_back({fmt::format("--tp {} --sequence-parallel", tp), [tp, places](PointPlan& p) {
                         set_ranks(p, p.ranks, tp, places);
                         p.assignment.plan.sequence_parallel = true;
                       }});
  return changes;
}

// Moments of fewer bits round otherwise.
std::vector<Change> rounding_moments(const ParallelPlan& plan) {
  std::vector<Change> changes;
  if (plan.optimizer.kind != Optimizer::adamw || plan.optimizer.state_dtype != DType::f32) return changes;
  for (const auto& [name, dtype] : {std::pair{"bf16", DType::bf16}, std::pair{"fp8", DType::e4m3}})
    changes.push_back({fmt::format("--optimizer-state-dtype {}", name),
                       [dtype](PointPlan& p) { p.assignment.plan.optimizer.state_dtype = dtype; }});
  return changes;
}

// To a second memory, where the device has one of its own.
std::vector<Change> offloading(const PointPlan& now) {
  if (!now.gpu || now.assignment.plan.offload) return {};
  return {{"--offload optimizer", [](PointPlan& p) { p.assignment.plan.offload = true; }}};
}

std::vector<Change> growing(const PointPlan& now, int places, bool sharded) {
  std::vector<Change> changes;
  for (int ranks = 2 * now.ranks; ranks <= kMostRanks; ranks *= 2)
    changes.push_back({fmt::format("--ranks {}{}", ranks, sharded ? " --shard parameters --recompute full" : ""),
                       [ranks, places, sharded](PointPlan& p) {
                         ParallelPlan& plan = p.assignment.plan;
                         set_ranks(p, ranks, plan.tp, places);
                         if (sharded) plan.shard = Shard::parameters, plan.shard_group = 0;
                         if (sharded) plan.recompute = Recompute::full;
                       }});
  return changes;
}

}  // namespace

std::vector<Remedy> remedies(const Job& job, double memory) {
  const PointPlan& now = job.largest();
  const ParallelPlan& plan = now.assignment.plan;
  const bool least = plan.shard == Shard::parameters && plan.recompute == Recompute::full;
  std::vector<Remedy> found;
  const auto add_first = [&](const std::vector<Change>& kind) {
    for (const Change& change : kind)
      if (const auto remedy = tried(job, change, memory)) return found.push_back(*remedy);
  };
  for (const auto& kind : {recomputing(plan), sharding(plan), cutting(now, job.places)}) add_first(kind);
  if (!found.empty()) return found;  // on as many ranks, with the same values as fast
  for (const auto& kind : {rounding_moments(plan), offloading(now)}) add_first(kind);
  add_first(growing(now, job.places, false));
  if (!least) add_first(growing(now, job.places, true));
  return found;
}

}  // namespace scalebench
