#include "workloads/blocks/train_step.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <string>
#include <utility>

#include <fmt/format.h>

#include "workloads/blocks/pipeline.hpp"
#include "workloads/blocks/sharding.hpp"
#include "workloads/blocks/update.hpp"

namespace scalebench {

namespace {

std::unique_ptr<Sharding> make_sharding(World& world, const Assignment& a, const Stage& stage,
                                        const std::vector<Action>& schedule) {
  const Initial initial{a.seed, a.weights.get()};
  switch (a.plan.shard) {
    case Shard::none:
      return make_ddp(world.device, world.mesh, a.plan, stage.units, initial);
    case Shard::optimizer:
      return make_zero1(world.device, world.mesh, a.plan, stage.units, initial);
    default:
      break;
  }
  return make_fsdp(world.device, world.mesh, a.plan, stage.units, Transformer::order_of_uses(stage, schedule), initial);
}

class TrainStep final : public Step {
 public:
  TrainStep(World& world, const Assignment& a)
      : device_(world.device),
        mesh_(world.mesh),
        plan_(a.plan),
        vocabulary_(a.model.vocabulary),
        seed_(a.seed),
        spec_(a.model),
        units_(units_of(a.model, {world.mesh.index(Axis::tp), a.plan.tp})),
        stage_(stage_of(units_, a.plan, world.mesh.index(Axis::pp))),
        pipeline_(world, a.model, a.plan, stage_),
        sharding_(make_sharding(world, a, stage_, pipeline_.schedule())),
        counter_(device_.allocate(DType::i32, {1}, Use::buffers, "counter")),
        update_(world, a, *sharding_, counter_) {
    if (stage_.shared) ends_ = &mesh_.along(Axis::ends, Purpose::reduce);
    device_.run(Fill{.to = counter_});
    if (a.tokens) load(*a.tokens);
  }

  void run(std::int64_t iteration) override {
    rehearse();
    device_.repeat(key_, [this] { issue(); });
    // The values of the step before are read only now, so that the host never waits for the one just issued.
    keep(std::exchange(pending_, {iteration, device_.outcome(update_.scalars())}));
  }

  std::vector<StepValues> values(bool all) override {
    if (all) keep(std::exchange(pending_, {}));
    return std::exchange(values_, {});
  }

  FirstStep first_step() override {
    rehearse();
    FirstStep first;
    do {
      first = {};
      device_.run(Fill{.to = counter_});
      watch_logits(first);
      differentiate();
      update_.add_up();
    } while (update_.halve_scale());
    pipeline_.model().watch_logits({});
    const std::vector<double> scalars = device_.read(update_.scalars());
    if (scalars.empty()) return {};  // on sim
    first.loss = scalars[0], first.gradient_norm = std::sqrt(scalars[1]) * update_.inverse_scale_of(scalars);
    device_.run(Fill{.to = counter_});  // so that the first step is still to come
    update_.restore_scale();
    return first;
  }

  void corrupt() override {
    device_.run(Fill{.to = sharding_->states().front().master.slice(0, 0, 1),
                     .value = std::numeric_limits<double>::quiet_NaN()});
  }

  std::vector<std::vector<double>> gradients() override {
    std::vector<std::vector<double>> all;
    const double inverse = update_.inverse_scale_of(device_.read(update_.scalars()));
    for (const Unit& unit : units_) {
      const auto parts = pipeline_.model().tensor().from_all(gradient_of(unit), unit.count());
      all.push_back(joined(spec_, unit.number, parts));
      for (double& value : all.back()) value *= inverse;
    }
    return all;
  }

 private:
  struct Pending {
    std::int64_t iteration{};
    Outcome outcome{};
  };

  // Of this tensor-parallel rank's part of a unit, from the stage that holds it (of two, the first).
  std::vector<double> gradient_of(const Unit& unit) {
    const auto held = std::ranges::find(stage_.units, unit.number, &Unit::number);
    std::vector<double> values;
    if (held != stage_.units.end())
      values = sharding_->whole_gradient(static_cast<std::size_t>(held - stage_.units.begin()));
    if (plan_.pp == 1) return values;
    const Buffer whole = device_.allocate(DType::f32, {unit.count()}, Use::buffers, "whole");
    device_.run(Fill{.to = whole});
    const bool answers = held != stage_.units.end() && (held->stages == 1 || held->kind == UnitKind::embedding);
    if (answers && !values.empty()) device_.write(whole, values);
    Communicator& stages = mesh_.along(Axis::pp, Purpose::gather);
    stages.wait(device_.record());
    device_.wait(stages.run(AllReduce{.input = whole, .output = whole}));
    return device_.read(whole);
  }

  void issue() {
    differentiate();
    update_.prefetch();
    update_.add_up();
    update_.run();
  }

  // Once through all that a stage computes, while it waits for no other: in a step, what a first run waits for could
  // have to wait for this rank.
  void rehearse() {
    if (std::exchange(rehearsed_, true) || plan_.pp == 1 || !device_.loads_late()) return;
    pipeline_.apart([this] { differentiate(); });
    device_.run(Fill{.to = counter_});
  }

  void differentiate() {
    device_.run(Advance{.counter = counter_});
    update_.begin_step();
    sharding_->begin_step();
    pipeline_.run(*sharding_, [this](std::int64_t micro_batch, const Tensor& ids) { sample(micro_batch, ids); },
                  {.total = update_.loss(),
                   .scale = 1.0 / static_cast<double>(plan_.tokens_per_step()),
                   .gradient_scale = update_.loss_scale()});
    if (stage_.shared) add_up_shared(*stage_.shared);
    sharding_->finish();
  }

  // Of the two stages that hold it, in front of what dp does with it.
  void add_up_shared(std::size_t unit) {
    const Tensor gradient = sharding_->gradient(unit).flat.slice(0, 0, stage_.units[unit].count());
    ends_->wait(device_.record());
    device_.wait(ends_->run(AllReduce{.input = gradient, .output = gradient}));
    pipeline_.model().reduce(*sharding_, unit);
  }

  void load(const TokenRows& rows) {
    ids_ = device_.allocate(DType::i32, {rows.rows(), rows.length}, Use::buffers, "ids");
    device_.write(ids_, std::vector<double>(rows.ids.begin(), rows.ids.end()));
  }

  // Sequences are numbered over the whole job, so that any number of ranks trains on the same ones.
  void sample(std::int64_t micro_batch, const Tensor& tokens) {
    const std::int64_t first = first_sequence(micro_batch);
    if (ids_.tensor().defined())
      device_.run(
          PickTokens{.counter = counter_, .ids = ids_, .tokens = tokens, .first = first, .stride = plan_.global_batch});
    else
      device_.run(SampleTokens{.counter = counter_,
                               .tokens = tokens,
                               .seed = seed_,
                               .vocabulary = vocabulary_,
                               .first = first,
                               .stride = plan_.global_batch});
  }

  // Of this rank in a micro-batch, within its step.
  std::int64_t first_sequence(std::int64_t micro_batch) const {
    return (micro_batch * plan_.dp + mesh_.index(Axis::dp)) * plan_.micro_batch;
  }

  // Each micro-batch's ids and logits go to `first`.
  void watch_logits(FirstStep& first) {
    pipeline_.model().watch_logits(
        [this, &first, micro_batch = std::int64_t{}](const Tensor& ids, const Tensor& logits) mutable {
          for (std::int64_t b = 0; b < plan_.micro_batch; ++b)
            first.sequences.push_back(first_sequence(micro_batch) + b);
          const std::vector<double> tokens = device_.read(ids);
          first.tokens.insert(first.tokens.end(), tokens.begin(), tokens.end());
          append_logits(first.logits, logits);
          ++micro_batch;
        });
  }

  // Rows of the whole vocabulary, of which each tensor-parallel rank has some columns.
  void append_logits(std::vector<double>& to, const Tensor& logits) {
    const auto parts = pipeline_.model().tensor().from_all(device_.read(logits), logits.count());
    const auto width = static_cast<std::size_t>(logits.columns()), rows = static_cast<std::size_t>(logits.rows());
    for (std::size_t row = 0; !parts.empty() && row < rows; ++row)
      for (std::size_t v = 0; v < static_cast<std::size_t>(vocabulary_); ++v)
        to.push_back(parts[v / width][row * width + v % width]);
  }

  void keep(const Pending& pending) {
    if (!pending.outcome.pending()) return;
    const Outcome::Values v = pending.outcome.look();
    if (!v) return;
    values_.push_back(update_.values_of(*v));
    values_.back().iteration = pending.iteration;
  }

  Device& device_;
  Mesh& mesh_;
  Communicator* ends_ = nullptr;  // the two stages that hold a tied table
  ParallelPlan plan_;
  std::int64_t vocabulary_;
  std::uint64_t seed_;
  ModelSpec spec_;
  std::vector<Unit> units_;  // of the whole model
  Stage stage_;
  Pipeline pipeline_;
  std::unique_ptr<Sharding> sharding_;
  std::string key_ = fmt::format("train_step_{}", device_.witness().next_event_id());  // of this step's tape
  Buffer counter_;
  Update update_;
  Buffer ids_{};  // i32 [S, T + 1]: the user's sequences, if any
  bool rehearsed_ = false;
  Pending pending_{};
  std::vector<StepValues> values_{};
};

}  // namespace

std::unique_ptr<Step> make_train_step(World& world, const Assignment& assignment) {
  return std::make_unique<TrainStep>(world, assignment);
}

}  // namespace scalebench
