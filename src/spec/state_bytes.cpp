#include "spec/state_bytes.hpp"

namespace scalebench {

StateBytes whole_state(const ParallelPlan& plan) {
  const auto parameter = static_cast<double>(size_of(plan.dtype));
  return {.parameters = parameter,
          .gradient = 4,
          .master = plan.dtype == DType::f32 ? 0.0 : 4.0,
          .moments = plan.optimizer.kind == Optimizer::adamw ? 8.0 : 0.0};
}

StateBytes state_of_rank(const ParallelPlan& plan) {
  StateBytes b = whole_state(plan);
  const bool fp32 = plan.dtype == DType::f32;
  const double ranks = plan.shard == Shard::hybrid ? plan.shard_group : plan.dp;
  if (plan.shard == Shard::none) return b;
  b.moments /= ranks;
  b.master /= ranks;
  if (plan.shard == Shard::optimizer) return b;
  b.gradient /= ranks;
  if (plan.shard == Shard::gradients) {
    if (fp32 && plan.dp > 1) b.master = 4 / ranks;  // beside the parameters, whose memory is whole
    return b;
  }
  b.parameters = fp32 ? 4 / ranks : 0;  // whole for a use at a time
  return b;
}

}  // namespace scalebench
