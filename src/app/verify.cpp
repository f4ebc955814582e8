#include "app/verify.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>

#include <fmt/format.h>

#include "base/check.hpp"

namespace scalebench {

namespace {

constexpr int kSteps = 3;
constexpr std::int64_t kHeadSize = 16, kHidden = 192, kFeedForward = 384, kVocabulary = 509, kSequence = 48;
constexpr double kTimeout = 600;  // s

struct Bounds {
  double loss, gradient_norm;
};

// What another order of additions may cost, of which bf16 keeps 8 bits; of products of fewer bits each rank rounds, and
// scales, what it has.
Bounds bounds_of(const ParallelPlan& p) {
  if (is_scaled(p.products)) return {5e-2, 2e-1};
  const bool exact = p.dtype == DType::f32 && p.reduce_dtype == DType::f32 && p.optimizer.state_dtype == DType::f32;
  if (exact && p.products == Products::tf32) return {1e-3, 1e-2};
  return exact ? Bounds{1e-5, 1e-4} : Bounds{1e-2, 5e-2};
}

std::int64_t multiple(std::int64_t least, std::int64_t of) { return (least + of - 1) / of * of; }

struct Trace {
  std::vector<double> losses{}, norms{};
};

Trace train(const Job& job, Crew& crew, const OpenBackend& open, const Assignment& assignment) {
  Backend backend = open(crew.session, job.threads, Waiting::patient, assignment.plan);
  World world = backend.world();
  const auto step = job.workload.prepare(world, assignment);
  for (int i = 0; i < kSteps; ++i) step->run(i);
  Trace trace;
  for (const StepValues& value : step->values(true)) {
    trace.losses.push_back(value.loss);
    trace.norms.push_back(value.gradient_norm);
  }
  ensure(trace.losses.size() == kSteps, "{} of {} steps came back", trace.losses.size(), kSteps);
  return trace;
}

// A NaN stays one, and is within no bound.
double largest_difference(const std::vector<double>& a, const std::vector<double>& b) {
  double largest = 0;
  for (std::size_t i = 0; i < b.size(); ++i) {
    const double difference = std::abs(a.at(i) - b[i]) / std::abs(b[i]);
    if (!(difference <= largest)) largest = difference;
  }
  return largest;
}

Assignment alone(Assignment a) {
  a.plan = {.micro_batch = a.plan.micro_batch,
            .global_batch = a.plan.global_batch,
            .sequence = a.plan.sequence,
            .dtype = a.plan.dtype,
            .products = a.plan.products,
            .optimizer = a.plan.optimizer};
  return a;
}

}  // namespace

bool Verification::passed() const {
  return std::ranges::all_of(
      points, [this](const Verified& p) { return p.loss <= loss_bound && p.gradient_norm <= gradient_norm_bound; });
}

Assignment verifiable(const Assignment& assignment) {
  Assignment a = assignment;
  a.weights = nullptr, a.tokens = nullptr;
  ModelSpec& m = a.model;
  ParallelPlan& p = a.plan;
  const std::int64_t ratio = m.heads / m.kv_heads;
  m.layers = std::max<std::int64_t>(2, std::int64_t{p.pp} * p.virtual_stages);
  m.head_dim = std::min(m.head_dim, is_scaled(p.products) ? 2 * kHeadSize : kHeadSize);
  m.kv_heads = std::min<std::int64_t>(m.kv_heads, multiple(2, p.tp));
  m.heads = m.kv_heads * ratio;
  m.hidden = m.layer_norm ? m.heads * m.head_dim : std::min(m.hidden, kHidden);
  m.feed_forward = multiple(std::min(m.feed_forward, kFeedForward), is_scaled(p.products) ? 32 * p.tp : p.tp);
  m.vocabulary = std::min(m.vocabulary, kVocabulary);
  p.sequence = std::min(multiple(p.sequence, p.sequence_parallel ? p.tp : 1), multiple(kSequence, p.tp));
  if (is_scaled(p.products)) p.sequence = multiple(p.sequence, std::lcm(16, p.tp));
  m.max_sequence = std::max(m.max_sequence, p.sequence);
  m.window = std::min(m.window, p.sequence / 3);
  p.micro_batch = 1;
  const std::int64_t micro_batches = std::min<std::int64_t>(p.accumulation(), 2 * p.pp);
  p.global_batch = p.dp * std::max<std::int64_t>(micro_batches / p.pp * p.pp, p.pp);
  return a;
}

Verification verify(const Job& job, Crew& crew, const OpenBackend& open) {
  const Bounds bounds = bounds_of(job.largest().assignment.plan);
  Verification v{.steps = kSteps, .loss_bound = bounds.loss, .gradient_norm_bound = bounds.gradient_norm};
  crew.watchdog.enter("verification", 0, kTimeout);
  for (const PointPlan& point : job.points) {
    const Assignment a = verifiable(point.assignment);
    v.model = a.model;
    Trace together, reference;
    crew.control.together([&] {
      if (crew.control.rank() < point.ranks) together = train(job, crew, open, a);
    });
    crew.control.together([&] {
      if (crew.control.rank() == 0) reference = train(job, crew, open, alone(a));
    });
    const double mine[] = {largest_difference(together.losses, reference.losses),
                           largest_difference(together.norms, reference.norms)};
    const std::vector<double> first = crew.control.broadcast(mine, crew.control.world());
    v.points.push_back({point.ranks, first[0], first[1]});
  }
  return v;
}

Attributes attributes_of(const Verification& v) {
  double loss = 0, norm = 0;
  for (const Verified& point : v.points) {
    if (!(point.loss <= loss)) loss = point.loss;
    if (!(point.gradient_norm <= norm)) norm = point.gradient_norm;
  }
  return {{"passed", std::int64_t{v.passed()}},
          {"steps", std::int64_t{v.steps}},
          {"loss_difference", loss},
          {"gradient_norm_difference", norm},
          {"loss_bound", v.loss_bound},
          {"gradient_norm_bound", v.gradient_norm_bound},
          {"layers", v.model.layers},
          {"hidden", v.model.hidden},
          {"heads", v.model.heads},
          {"kv_heads", v.model.kv_heads},
          {"vocabulary", v.model.vocabulary}};
}

std::string text_of(const Verification& v) {
  const Attributes a = attributes_of(v);
  return fmt::format(
      "verified on {} layers of hidden size {}: {} steps differ from one rank's by {:.1e} in the loss (at "
      "most {:.0e}) and by {:.1e} in the gradient norm (at most {:.0e})",
      v.model.layers, v.model.hidden, v.steps, std::get<double>(a.at("loss_difference")), v.loss_bound,
      std::get<double>(a.at("gradient_norm_difference")), v.gradient_norm_bound);
}

void refuse(const Verification& v) {
  const auto worst = std::ranges::find_if(v.points, [&](const Verified& p) {
    return !(p.loss <= v.loss_bound) || !(p.gradient_norm <= v.gradient_norm_bound);
  });
  fail(Exit::wrong,
       "the plan on {} ranks trains another model than one rank (over {} steps the loss is off by {:.1e}, at most "
       "{:.0e} "
       "is rounding; the gradient norm by {:.1e}, at most {:.0e}) nothing was measured; check the network, then the "
       "MPI library",
       worst->ranks, v.steps, worst->loss, v.loss_bound, worst->gradient_norm, v.gradient_norm_bound);
}

}  // namespace scalebench
