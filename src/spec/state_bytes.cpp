#include "spec/state_bytes.hpp"

#include "base/moments.hpp"

namespace scalebench {

namespace {

double bytes_of_moments(const OptimizerSettings& optimizer) {
  if (optimizer.kind != Optimizer::adamw) return 0;
  const double scale = optimizer.state_dtype == DType::e4m3 ? 4.0 / kMomentBlock : 0.0;
  return 2 * (static_cast<double>(size_of(optimizer.state_dtype)) + scale);
}

double ranks_of_share(const ParallelPlan& plan) { return plan.shard == Shard::hybrid ? plan.shard_group : plan.dp; }

}  // namespace

StateBytes whole_state(const ParallelPlan& plan) {
  const auto parameter = static_cast<double>(size_of(plan.dtype));
  return {.parameters = parameter,
          .gradient = 4,
          .master = plan.dtype == DType::f32 ? 0.0 : 4.0,
          .moments = bytes_of_moments(plan.optimizer)};
}

StateBytes state_of_rank(const ParallelPlan& plan) {
  StateBytes b = whole_state(plan);
  const bool fp32 = plan.dtype == DType::f32;
  const double ranks = ranks_of_share(plan);
  if (plan.shard != Shard::none) b.moments /= ranks, b.master /= ranks;
  if (plan.shard != Shard::none && plan.shard != Shard::optimizer) b.gradient /= ranks;
  if (plan.shard == Shard::gradients && fp32 && plan.dp > 1) b.master = 4 / ranks;  // beside the whole parameters
  if (plan.shard == Shard::parameters || plan.shard == Shard::hybrid)
    b.parameters = fp32 ? 4 / ranks : 0;  // whole for a use at a time
  if (!plan.offload) return b;
  b.moments = 0;
  if (fp32) return b;
  b.master = 0;
  // What is gathered is beside the rank's own share.
  if (plan.shard >= Shard::gradients && (plan.dp > 1 || b.parameters == 0)) b.parameters += 2 / ranks;
  return b;
}

StateBytes state_on_host(const ParallelPlan& plan) {
  if (!plan.offload) return {};
  const StateBytes whole = whole_state(plan);
  const double ranks = plan.shard == Shard::none ? 1 : ranks_of_share(plan);
  return {.master = whole.master / ranks, .moments = whole.moments / ranks};
}

}  // namespace scalebench
