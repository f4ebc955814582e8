// What recording spans costs: a step of the same operations, too small to hide it, with and without.
#include <fmt/format.h>

#include "tests/bench/parts.hpp"
#include "tests/bench/row.hpp"
#include "tests/bench/timing.hpp"
#include "tests/bench/training.hpp"

namespace scalebench::bench {

namespace {

constexpr int kRounds = 1000;
constexpr double kBar = 0.005, kStep = 10e-3;  // of a step of 10 ms

// As many operations as step_model() has, on next to no data.
ModelSpec small_model() {
  ModelSpec model = step_model();
  model.hidden = 64, model.feed_forward = 128, model.heads = 8, model.kv_heads = 2, model.head_dim = 8;
  model.vocabulary = 128, model.max_sequence = 16;
  return model;
}

// Spans of one step of 2 ranks under FSDP, which has the most.
std::size_t spans_of_step() {
  const Assignment assignment =
      step_assignment(small_model(), {.dp = 2, .shard = Shard::parameters, .dtype = DType::f32});
  Backend sim = make_sim_backend(0, assignment.plan);
  World world = sim.world();
  const auto step = make_train_step(world, assignment);
  sim.witness->timeline().record(true);
  step->run(0);
  return sim.witness->timeline().spans().size();
}

}  // namespace

void measure_recording() {
  MpiSession session(nullptr, nullptr);
  Training training(session, 1, step_assignment(small_model(), {.dp = 1, .shard = Shard::none, .dtype = DType::f32}));
  Timeline& timeline = training.backend().witness->timeline();
  std::size_t spans = 0;
  const auto step = [&](bool record) {
    timeline.record(record);
    const double seconds = time_of([&] { training.run(); });
    spans = std::max(spans, timeline.spans().size());
    timeline.clear();
    return seconds;
  };
  for (int i = 0; i < 20; ++i) step(i % 2 == 0);
  const auto v = alternate(kRounds, {[&] { return step(false); }, [&] { return step(true); }});
  std::vector<double> differences;
  for (std::size_t i = 0; i < v[0].size(); ++i) differences.push_back(v[1][i] - v[0][i]);
  const double per_span = median(differences) / static_cast<double>(spans);
  const auto most = static_cast<double>(spans_of_step());
  put({.name = "recording, of a step of 10 ms",
       .value = per_span * most / kStep,
       .unit = "%",
       .bar = kBar,
       .sense = Bar::at_most,
       .remark = fmt::format("{:.0f} ns a span (of {} in {:.0f} us), {:.0f} spans a step under FSDP, n={}",
                             1e9 * per_span, spans, 1e6 * median(v[0]), most, kRounds)});
}

}  // namespace scalebench::bench
