// Scaling from 1 to 2 ranks of one thread each, rank 0's step alone, then both, in turn: weak for data parallelism, a
// batch for each rank; strong for tensor and pipeline parallelism, which share one. Of a pipeline, what its bubble
// leaves.
#include <algorithm>

#include <fmt/format.h>

#include "collectives/control/mpi_control.hpp"
#include "tests/bench/parts.hpp"
#include "tests/bench/row.hpp"
#include "tests/bench/timing.hpp"
#include "tests/bench/training.hpp"

namespace scalebench::bench {

namespace {

constexpr int kRounds = 6, kMutedRounds = 3;

struct Case {
  const char* name;
  ParallelPlan plan;
  double bar;
  const char* torch;
};
const Case kCases[] = {{"DDP, weak", {.dp = 2, .shard = Shard::none}, 0.93, "85 %"},
                       {"FSDP, weak", {.dp = 2, .shard = Shard::parameters}, 0.88, "58 %"},
                       {"ZeRO-1, weak", {.dp = 2, .shard = Shard::optimizer}, 0.88, ""},
                       {"ZeRO-2, weak", {.dp = 2, .shard = Shard::gradients}, 0.88, ""},
                       {"HSDP, one group of 2, weak", {.dp = 2, .shard_group = 2, .shard = Shard::hybrid}, 0.88, ""},
                       {"HSDP, two groups of 1, weak", {.dp = 2, .shard_group = 1, .shard = Shard::hybrid}, 0.88, ""},
                       {"TP, strong", {.tp = 2}, 0.85, ""},
                       {"TP with sequence parallelism, strong", {.tp = 2, .sequence_parallel = true}, 0.85, ""},
                       {"PP, 8 micro-batches, of what the bubble leaves", {.pp = 2, .global_batch = 8}, 0.95, ""}};

// The longest over the ranks, that begin together; `training` is null on a rank that takes no part.
double step_time(Training* training, Control& control) {
  control.barrier(control.world());
  const double mine = training == nullptr ? 0 : time_of([&] { training->run(); });
  return control.maximum({&mine, 1}, control.world())[0];
}

void measure(MpiSession& session, Control& control, const Case& c) {
  const auto training_of = [&](const ParallelPlan& plan) {
    return std::make_unique<Training>(session, 1, step_assignment(step_model(), plan));
  };
  const std::unique_ptr<Training> alone = session.rank() == 0
                                              ? training_of({.shard_group = std::min(1, c.plan.shard_group),
                                                             .shard = c.plan.shard,
                                                             .global_batch = c.plan.global_batch})
                                              : nullptr;
  const std::unique_ptr<Training> together = training_of(c.plan);
  const auto v = alternate(
      kRounds, {[&] { return step_time(alone.get(), control); }, [&] { return step_time(together.get(), control); }});
  together->check_loss();
  together->backend().mesh->mute(true);
  const auto muted = alternate(kMutedRounds, {[&] { return step_time(together.get(), control); }});
  if (session.rank() != 0) return;
  const double one = median(v[0]), both = median(v[1]), silent = median(muted[0]);
  const ParallelPlan &two = together->assignment().plan, &single = alone->assignment().plan;
  const auto micro_batches = static_cast<double>(two.accumulation());
  const double kept = micro_batches / (micro_batches + two.pp - 1);  // by the bubble of 1F1B
  const double work = static_cast<double>(two.global_batch) / static_cast<double>(single.global_batch) /
                      session.size() / kept;  // of a rank
  put({.name = fmt::format("{}, 2 ranks of 1 thread, fp32", c.name),
       .value = work * one / both,
       .unit = "%",
       .bar = c.bar,
       .torch = c.torch,
       .remark = fmt::format("{:.0f} ms alone, {:.0f} ms together, {:.0f} ms with communication muted ({:.1f} %), n={}",
                             1e3 * one, 1e3 * both, 1e3 * silent, 100 * work * one / silent, kRounds)});
}

}  // namespace

void measure_ranks() {
  MpiSession session(nullptr, nullptr);
  MpiControl control(session);
  for (const Case& c : kCases) measure(session, control, c);
}

}  // namespace scalebench::bench
