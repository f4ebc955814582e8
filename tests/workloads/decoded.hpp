// What tests of decode share: tiny models whose every weight counts, worlds on a counted clock, requests served to
// the end.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "app/backend.hpp"
#include "base/random.hpp"
#include "collectives/mpi/communicator.hpp"
#include "collectives/sim/communicator.hpp"
#include "kernels/cpu/device.hpp"
#include "kernels/sim/device.hpp"
#include "tests/main_mpi.hpp"
#include "tests/workloads/trained.hpp"
#include "workloads/registry.hpp"

namespace scalebench::test {

// Every parameter of its own, spread so widely that a wrong position or bias shows in the logits; bf16 holds them
// exactly.
class TellingWeights final : public ParameterSource {
 public:
  explicit TellingWeights(double spread) : spread_(spread) {}
  void read(const std::string& name, std::int64_t first, std::span<double> to) const override {
    std::uint64_t key = 17;
    for (const char c : name) key = random_bits(key, static_cast<std::uint64_t>(c));
    const bool norm = name.ends_with("weight") && (name.find("norm") != name.npos || name.find("ln_") != name.npos);
    for (std::size_t i = 0; i < to.size(); ++i)
      to[i] =
          (norm ? 1.0 : 0.0) +
          std::round(kGrain * spread_ * (random_uniform(key, static_cast<std::uint64_t>(first) + i) - 0.5)) / kGrain;
  }

 private:
  static constexpr double kGrain = 128;
  double spread_;
};

// Each family's own, and a window that cuts off most of a sequence.
inline ModelSpec tiny_model_of(Family family, std::int64_t kv_heads = 12) {
  ModelSpec m = tiny_model();
  m.family = family, m.kv_heads = kv_heads;
  m.query_key_norm = family == Family::qwen3;
  m.layer_norm = family == Family::gpt2;
  m.query_key_value_bias = family == Family::qwen2 || m.layer_norm;
  if (family == Family::mistral) m.window = 7;
  if (m.layer_norm) m.kv_heads = m.heads, m.tied_embeddings = true;
  return m;
}

inline Assignment tiny_decode(ModelSpec model, int tp, DType dtype = DType::f32) {
  const double spread = dtype == DType::f32 ? 0.5 : 0.25;  // what bf16 rounds off grows with it
  Assignment a{.model = std::move(model), .seed = 7, .weights = std::make_shared<TellingWeights>(spread)};
  a.plan = {.tp = tp, .overlap = false, .dtype = dtype};
  a.serving.kv_dtype = dtype;
  return a;
}

// A rank's world on a clock that its owner turns.
inline Backend counted_world(const ParallelPlan& plan, const double& clock, bool cpu, MpiSession& session) {
  Backend b{.witness = std::make_unique<Witness>([&clock] { return clock; })};
  if (cpu) {
    b.device = std::make_unique<CpuDevice>(*b.witness, 1);
    b.network = std::make_unique<MpiNetwork>(session, *b.witness, Waiting::patient);
  } else {
    b.device = std::make_unique<SimDevice>(*b.witness);
    b.network = std::make_unique<SimNetwork>(session.rank(), plan.ranks());
  }
  b.mesh = std::make_unique<Mesh>(*b.network, *b.witness, b.device->lane(), plan);
  return b;
}

struct DecodeRun {
  std::deque<Answer> answers{};
  std::vector<ServedStep> steps{};
  std::vector<Span> spans{};
  std::vector<std::string> lanes{};  // names, by index
  std::uint64_t order = 0;           // digest of the collectives
  std::size_t allocated = 0;
};

// Serves all requests on the agreed clock that `begin` makes once all is prepared.
inline DecodeRun serve_all(Backend& backend, const Assignment& a, const std::function<AgreedClock()>& begin) {
  World world = backend.world();
  const auto engine = find_workload("decode_qwen3_8b").prepare(world, a);
  Service& service = *engine->service();
  service.prepare_serving();
  service.begin_serving(0, begin());
  while (service.step()) continue;
  DecodeRun run{.answers = service.answers(), .steps = service.steps()};
  for (const Lane* lane : backend.witness->lanes()) run.lanes.push_back(lane->name());
  return run;
}

// Recorded, or in the few shapes that are repeated.
enum class StepsAre : bool { recorded, repeated };

// Each step takes `step` s of a clock that nothing else turns: of an agreed clock every rank has its own.
inline DecodeRun decode(const Assignment& a, double step, bool cpu, MpiSession& session,
                        StepsAre steps = StepsAre::recorded) {
  double clock = 0;
  Backend backend = counted_world(a.plan, clock, cpu, session);
  backend.witness->watch([&](std::string_view, std::string_view operation) {
    if (operation == Upload::name) clock += step;
  });
  backend.device->prefer_static_shapes(steps == StepsAre::repeated);
  backend.witness->timeline().record(steps == StepsAre::recorded);
  DecodeRun run = serve_all(backend, a, [&clock] {
    clock = 0;
    return AgreedClock{.now = [&clock] { return clock; }, .wait_until = [&clock](double time) { clock = time; }};
  });
  const auto& spans = backend.witness->timeline().spans();
  run.spans.assign(spans.begin(), spans.end());
  run.order = backend.witness->order().value();
  run.allocated = backend.device->memory().peak;
  return run;
}

}  // namespace scalebench::test
