#include "spec/shrink.hpp"

#include <algorithm>
#include <numeric>
#include <optional>

#include <fmt/format.h>

#include "base/check.hpp"
#include "base/text.hpp"
#include "base/units.hpp"
#include "spec/state_bytes.hpp"

namespace scalebench {

namespace {

constexpr std::int64_t kLeastLayers = 4, kLeastVocabulary = 2048, kLeastSequence = 64, kLeastHiddenAlone = 1024;

// Half of it, but not below `least`; nothing where it is there already.
std::optional<std::int64_t> halved(std::int64_t value, std::int64_t least) {
  if (value <= least) return std::nullopt;
  return std::max(value / 2, least);
}

bool cut_depth(Rung& rung, const ParallelPlan& plan) {
  const auto layers = halved(rung.model.layers, std::max(kLeastLayers, std::int64_t{plan.pp} * plan.virtual_stages));
  if (layers) rung.model.layers = *layers;
  return layers.has_value();
}

// All of hidden, feed-forward and heads at once, and only where all come out even. Where tensor-parallel ranks hold
// their last head already, the width around it goes on alone.
bool cut_width(Rung& rung, const ParallelPlan& plan) {
  ModelSpec& m = rung.model;
  const std::int64_t unit = 2 * std::int64_t{plan.tp};
  if (m.hidden % 2 != 0 || m.feed_forward % unit != 0) return false;
  const bool with_heads = m.kv_heads % unit == 0 && m.heads % unit == 0;
  if (!with_heads && m.hidden <= kLeastHiddenAlone) return false;
  ModelSpec cut = m;
  cut.hidden /= 2, cut.feed_forward /= 2;
  if (with_heads) cut.heads /= 2, cut.kv_heads /= 2;
  if (products_suit(plan, m) && !products_suit(plan, cut)) return false;
  m = cut;
  return true;
}

bool cut_vocabulary(Rung& rung, const ParallelPlan&) {
  const auto vocabulary = halved(rung.model.vocabulary, kLeastVocabulary);
  if (vocabulary) rung.model.vocabulary = *vocabulary;
  return vocabulary.has_value();
}

// Sequence parallelism shares out the tokens of a micro-batch, so that their number stays a multiple of tp; products of
// few bits take them by 16.
bool cut_sequence(Rung& rung, const ParallelPlan& plan) {
  auto sequence = halved(rung.sequence, kLeastSequence);
  const std::int64_t parts = plan.sequence_parallel ? plan.tp : 1;
  const std::int64_t unit = scales_gradients(plan.products) ? std::lcm(parts, 16) : parts;
  if (sequence && plan.micro_batch * *sequence % unit != 0) *sequence = (*sequence + unit - 1) / unit * unit;
  if (!sequence || *sequence >= rung.sequence) return false;
  rung.sequence = *sequence;
  return true;
}

std::string name_for(const Rung& rung) {
  const std::string sequence = rung.sequence > 0 ? fmt::format("-T{}", rung.sequence) : "";
  return fmt::format("L{}-H{}-V{}{}", rung.model.layers, rung.model.hidden, rung.model.vocabulary, sequence);
}

ParallelPlan at_rung(ParallelPlan plan, const Rung& rung) {
  plan.sequence = rung.sequence;
  return plan;
}

std::string called(const Rung& rung) { return rung.name.empty() ? rung.model.name + " whole" : rung.name; }

double state_bytes(const Rung& rung, const ParallelPlan& plan) {
  return state_of_rank(plan).total() * static_cast<double>(parameter_count(rung.model)) / (plan.tp * plan.pp);
}

// Where the ranks are many, a sequence for each (or what fills a pipeline) at the smallest rung is more than the
// budget: so much is always allowed.
double allowed_flops(const Rung& smallest, const ParallelPlan& largest, double budget) {
  ParallelPlan least = at_rung(largest, smallest);
  least.global_batch = largest.dp * largest.natural_accumulation();
  return std::max(budget, step_flops(smallest.model, least));
}

[[noreturn]] void refuse(const Rung& smallest, const ParallelPlan& plan, double allowed) {
  const double flops = step_flops(smallest.model, at_rung(plan, smallest));
  if (flops > allowed)
    fail(Exit::unfit,
         "{} can't be made small enough (its smallest form, {}, needs {}FLOP a step of {} sequences; {}FLOP are "
         "allowed) "
         "lower --global-batch or --micro-batch, or write --shrink none",
         smallest.model.name, called(smallest), format_count(flops), plan.global_batch, format_count(allowed));
  fail(Exit::unfit,
       "{} does not fit in memory (its smallest form, {}, needs at least {} per rank for weights, gradients and "
       "the optimizer's state) "
       "start fewer ranks on a node, or lower --micro-batch",
       smallest.model.name, called(smallest), format_bytes(state_bytes(smallest, plan)));
}

}  // namespace

std::vector<Rung> shrink_ladder(const ModelSpec& model, const ParallelPlan& plan, Tokens tokens) {
  using Cut = bool (*)(Rung&, const ParallelPlan&);
  std::vector<Cut> cuts = {cut_depth, cut_width};
  if (tokens != Tokens::of_the_user) cuts.push_back(cut_vocabulary);
  if (tokens == Tokens::drawn) cuts.push_back(cut_sequence);
  std::vector<Rung> ladder = {{.model = model, .sequence = plan.sequence}};
  Rung rung = ladder.front();
  for (const Cut cut : cuts)
    while (cut(rung, plan)) {
      rung.name = name_for(rung);
      ladder.push_back(rung);
    }
  return ladder;
}

double step_flops(const ModelSpec& model, const ParallelPlan& plan) {
  double per_token = training_flops_per_token(model, plan.sequence).megatron;
  if (plan.recompute == Recompute::full)
    per_token += static_cast<double>(model.layers) * layer_forward_flops_per_token(model, plan.sequence);
  return per_token * static_cast<double>(plan.global_batch) * static_cast<double>(plan.sequence);
}

Rung choose_rung(const ModelSpec& model, const ParallelPlan& largest, double budget,
                 const std::function<bool(const Rung&)>& fits, Tokens tokens) {
  const std::vector<Rung> ladder = shrink_ladder(model, largest, tokens);
  const double allowed = allowed_flops(ladder.back(), largest, budget);
  const auto chosen = std::find_if(ladder.begin(), ladder.end(), [&](const Rung& rung) {
    return step_flops(rung.model, at_rung(largest, rung)) <= allowed && fits(rung);
  });
  if (chosen == ladder.end()) refuse(ladder.back(), largest, allowed);
  return *chosen;
}

Rung rung_named(const ModelSpec& model, const ParallelPlan& plan, const std::string& name, Tokens tokens) {
  const std::vector<Rung> ladder = shrink_ladder(model, plan, tokens);
  const auto found = std::find_if(ladder.begin(), ladder.end(), [&](const Rung& rung) { return rung.name == name; });
  if (found == ladder.end())
    fail(Exit::bad_input,
         "{} at --seq {} has no form {} (the file was measured with another model, depth or sequence) use its "
         "--workload, "
         "--model, --layers and --seq, or write --shrink auto",
         model.name, plan.sequence, printable(name));
  return *found;
}

}  // namespace scalebench
