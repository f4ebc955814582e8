#include "workloads/blocks/decode_step.hpp"

#include <algorithm>
#include <cmath>
#include <optional>
#include <utility>

#include "base/random.hpp"
#include "workloads/blocks/decoder.hpp"
#include "workloads/blocks/scheduler.hpp"

namespace scalebench {

namespace {

SchedulerSettings settings_of(const Assignment& a, const Replica& replica) {
  SchedulerSettings settings{.sequences = a.serving.batch,
                             .chunk = a.serving.prefill_chunk,
                             .blocks = blocks_of_cache(a),
                             .window = a.model.window,
                             .arrivals = a.serving.arrivals,
                             .concurrency = replica.share(a.serving.concurrency)};
  if (!a.serving.ignore_eos) settings.end_tokens = a.model.end_tokens;
  return settings;
}

// Tokens of an answer of the steady steps: as many as the longest, or as many steps as are warmed up, marked and muted,
// so that no prompt comes between them; where model and cache have room for so many.
constexpr std::int64_t kSteadyTokens = 64;

std::int64_t prompt_of(const Assignment& a) {
  return longest_request(a.serving, a.sources) - longest_answer(a.serving, a.sources);
}

std::int64_t steady_answer(const Assignment& a) {
  const std::int64_t answer = longest_answer(a.serving, a.sources), room = a.model.max_sequence - prompt_of(a);
  return std::max(answer, std::min(kSteadyTokens, room));
}

// Positions of the longest sequence that there will be.
std::int64_t longest_of(const Assignment& a) { return prompt_of(a) + steady_answer(a); }

DecodeLimits limits_of(const Assignment& a) {
  return {.rows = a.serving.batch + a.serving.prefill_chunk,
          .sequences = a.serving.batch,
          .table = blocks_at_once(longest_of(a), 0, 0),
          .blocks = blocks_of_cache(a)};
}

// As many requests as there is room for, which come at once and are answered for as long as any is.
Assignment steady(Assignment a) {
  const std::int64_t longest = longest_request(a.serving, a.sources);
  const std::int64_t held = blocks_of_cache(a) / a.serving.batch * kBlockPositions - prompt_of(a);
  const std::int64_t answer = std::max(longest_answer(a.serving, a.sources),
                                       a.model.window > 0 ? steady_answer(a) : std::min(steady_answer(a), held));
  a.serving.arrivals = Arrivals::closed;
  a.serving.requests = a.serving.concurrency = a.serving.batch;
  if (!a.sources.trace.empty())
    a.serving.input = {.first = static_cast<double>(longest - longest_answer(a.serving, a.sources))};
  a.serving.output = {.first = static_cast<double>(answer)};
  a.serving.ignore_eos = true;
  a.sources.trace.clear();
  return a;
}

class DecodeStep final : public Step, public Service {
 public:
  DecodeStep(World& world, const Assignment& a)
      : assignment_(a),
        device_(world.device),
        witness_(world.witness),
        host_(world.witness, LaneKind::host, "scheduler"),
        replica_{world.mesh.index(Axis::dp), a.plan.dp},
        decoder_(world, a, limits_of(a)) {}

  Service* service() override { return this; }
  void corrupt() override { decoder_.corrupt(); }
  const std::vector<ServedStep>& steps() const override { return steps_; }
  const std::deque<Answer>& answers() const override { return scheduler_->answers(); }
  std::int64_t send_no_more() override { return scheduler_->send_no_more(); }

  void run(std::int64_t) override {
    if (!scheduler_) begin_steady();
    bool again = decodes_steadily_;
    for (bool idle = !pending_; !advance(); idle = !pending_) {
      ensure(!idle || over(), "requests wait, and nothing runs");
      if (over()) std::exchange(again, false) ? begin_steady() : restart_steady();
    }
  }

  // Past the prompts, so that all that follows is decode; short answers may leave nothing to follow.
  void begin_steady() override {
    restart_steady();
    const ServingPlan& plan = assignment_.serving;
    for (std::int64_t left = plan.batch * (2 + longest_request(plan, assignment_.sources) / plan.prefill_chunk);
         left > 0 && !over(); --left)
      if (advance() && pending_->batch.prompt_rows == 0) break;
    decodes_steadily_ = !over();
    if (!decodes_steadily_) restart_steady();
  }

  void prepare_serving() override {
    restart(assignment_, replica_);
    decoder_.prepare();
    steps_.clear();
  }

  void begin_serving(double origin, AgreedClock clock) override { origin_ = origin, clock_ = std::move(clock); }

  bool step() override {
    if (over()) return false;
    const bool idle = !pending_;
    if (advance() || !idle) return true;
    ensure(std::isfinite(scheduler_->next_arrival()), "requests wait, and nothing runs");
    clock_.wait_until(scheduler_->next_arrival());
    return true;
  }

 private:
  struct Pending {
    Batch batch{};
    Outcome outcome{};                 // where it draws
    std::function<double()> moment{};  // where it does not
    std::size_t step{};                // of steps_
  };

  bool over() const { return scheduler_->done() && !pending_; }

  void restart_steady() {
    origin_ = 0, clock_ = {.now = [] { return 0.0; }};
    restart(steady(assignment_), {});
  }

  void restart(const Assignment& a, const Replica& replica) {
    pending_.reset();
    scheduler_.emplace(settings_of(a, replica), requests_of(a.serving, a.sources, replica, a.seed, a.model.vocabulary));
  }

  // Issues the next batch, then reads what the one before drew, so that the host never waits for the step just issued.
  // False: there was no work.
  bool advance() {
    const double begin = witness_.now();
    Batch batch = scheduler_->next(clock_.now());
    const double scheduled = witness_.now();
    std::optional<Pending> issued;
    const ServedStep step{
        .begin = begin,
        .sequences = batch.sequences(),
        .rows = batch.rows(),
        .prompt_rows = batch.prompt_rows,
        .bytes = decoder_.bytes_of(batch),
        .occupancy = static_cast<double>(batch.blocks_used) / static_cast<double>(scheduler_->pool().size())};
    if (!batch.empty()) {
      decoder_.run(batch);
      issued = {.batch = std::move(batch), .step = steps_.size()};
      if (const std::int64_t draws = issued->batch.draws(); draws > 0)
        issued->outcome = device_.outcome(decoder_.sampled(draws));
      else
        issued->moment = device_.moment();
      steps_.push_back(step);
    }
    const double before = witness_.now();
    if (const auto done = std::exchange(pending_, std::move(issued))) finish(*done);
    const double end = witness_.now();
    note("schedule", begin, scheduled);
    note("learn", before, end);
    if (pending_) steps_.back().end = end, steps_.back().host = scheduled - begin + end - before;
    return pending_.has_value();
  }

  // The host may be through with a step before the device is: then the next one began when this one ended, not when it
  // was issued.
  void finish(const Pending& done) {
    if (done.outcome.pending()) learn(done);
    const double time = done.outcome.pending() ? done.outcome.time() : done.moment();
    double& end = steps_[done.step].end;
    end = std::max(end, time);
    if (done.step + 1 < steps_.size()) steps_[done.step + 1].begin = std::max(steps_[done.step + 1].begin, end);
  }

  void learn(const Pending& drawn) {
    const Batch& batch = drawn.batch;
    const Outcome::Values values = drawn.outcome.look();
    std::vector<std::int32_t> ids;
    for (std::size_t i = 0; i < batch.drawn_by.size(); ++i) {
      const std::int32_t request = batch.draw_requests[i], position = batch.draw_positions[i];
      const bool simulated = !values || assignment_.takes_draws_of_sim;
      ids.push_back(simulated ? simulated_draw(assignment_.seed, request, position, assignment_.model.vocabulary)
                              : static_cast<std::int32_t>((*values)[i]));
      if (ids.back() < 0)
        fail(Exit::wrong,
             "request {}: the logits of position {} are not finite (nothing can be drawn from them) check the weights",
             request, position);
    }
    scheduler_->learn(batch, ids, drawn.outcome.time() - origin_);
  }

  void note(std::string_view name, double begin, double end) {
    if (witness_.timeline().recording())
      witness_.timeline().add({.lane = host_.index(),
                               .part = Part::host,
                               .name = name,
                               .issued = begin,
                               .launched = begin,
                               .start = begin,
                               .end = end});
  }

  Assignment assignment_;
  Device& device_;
  Witness& witness_;
  AgreedClock clock_{};
  PromptLane host_;
  Replica replica_;
  Decoder decoder_;
  std::optional<Scheduler> scheduler_{};
  std::optional<Pending> pending_{};  // issued, its draws not read yet
  double origin_ = 0;                 // s on the witness's clock: the time 0 of requests
  bool decodes_steadily_ = true;
  std::vector<ServedStep> steps_{};
};

}  // namespace

std::int32_t simulated_draw(std::uint64_t seed, std::int64_t request, std::int64_t position, std::int64_t vocabulary) {
  const std::uint64_t key = random_bits(random_bits(seed, 0x51D), static_cast<std::uint64_t>(request));
  return static_cast<std::int32_t>(random_bits(key, static_cast<std::uint64_t>(position)) %
                                   static_cast<std::uint64_t>(vocabulary));
}

std::int64_t blocks_of_cache(const Assignment& a) {
  if (a.serving.kv_bytes > 0) return a.serving.kv_bytes / Decoder::bytes_of_block(a.model, a.plan, a.serving.kv_dtype);
  return a.serving.batch * blocks_at_once(longest_of(a), a.serving.prefill_chunk, a.model.window);
}

std::unique_ptr<Step> make_decode_step(World& world, const Assignment& assignment) {
  return std::make_unique<DecodeStep>(world, assignment);
}

}  // namespace scalebench
