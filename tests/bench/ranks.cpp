// Weak scaling from 1 to 2 ranks of one thread each: rank 0's step alone, then both, in turn.
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
  Shard shard;
  double bar;
  const char* torch;
};
constexpr Case kCases[] = {{"DDP", Shard::none, 0.93, "85 %"}, {"FSDP", Shard::parameters, 0.88, "58 %"}};

// The longest over the ranks, that begin together; `training` is null on a rank that takes no part.
double step_time(Training* training, Control& control) {
  control.barrier(control.world());
  const double mine = training == nullptr ? 0 : time_of([&] { training->run(); });
  return control.maximum({&mine, 1}, control.world())[0];
}

void measure(MpiSession& session, Control& control, const Case& c) {
  const auto training_of = [&](int ranks) {
    return std::make_unique<Training>(session, 1, step_assignment(step_model(), ranks, c.shard, DType::f32));
  };
  const std::unique_ptr<Training> alone = session.rank() == 0 ? training_of(1) : nullptr;
  const std::unique_ptr<Training> together = training_of(session.size());
  const auto v = alternate(
      kRounds, {[&] { return step_time(alone.get(), control); }, [&] { return step_time(together.get(), control); }});
  together->check_loss();
  together->backend().mesh->mute(true);
  const auto muted = alternate(kMutedRounds, {[&] { return step_time(together.get(), control); }});
  if (session.rank() != 0) return;
  const double one = median(v[0]), both = median(v[1]), silent = median(muted[0]);
  put({.name = fmt::format("{}, weak, 2 ranks of 1 thread, fp32", c.name),
       .value = one / both,
       .unit = "%",
       .bar = c.bar,
       .torch = c.torch,
       .remark = fmt::format("{:.0f} ms alone, {:.0f} ms together, {:.0f} ms with communication muted ({:.1f} %), n={}",
                             1e3 * one, 1e3 * both, 1e3 * silent, 100 * one / silent, kRounds)});
}

}  // namespace

void measure_ranks() {
  MpiSession session(nullptr, nullptr);
  MpiControl control(session);
  for (const Case& c : kCases) measure(session, control, c);
}

}  // namespace scalebench::bench
