#include "app/job_decode.hpp"

#include <algorithm>
#include <functional>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "app/dry_run.hpp"
#include "app/inputs/request_file.hpp"
#include "app/recorder/recorder.hpp"
#include "base/check.hpp"
#include "base/units.hpp"
#include "workloads/blocks/decode_step.hpp"
#include "workloads/blocks/decoder.hpp"
#include "workloads/blocks/requests.hpp"
#include "workloads/blocks/scheduler.hpp"

namespace scalebench {

namespace {

// FLOPs of a step of decode over all ranks that auto-shrinking allows. A step of few rows takes as long as its weights
// take to be read, on two CPU cores about as long as so many rows take to be computed.
constexpr double kDecodeBudget = 4e9, kLeastRows = 32;
constexpr std::int64_t kTurns = 4;  // requests, where nobody says how many: so many for each that is under way

ParallelPlan plan_for(const Options& o, const Workload& workload, int ranks, int ranks_on_node) {
  ParallelPlan plan = workload.plan(ranks, std::min(ranks, ranks_on_node));
  plan.tp = o.tp.value_or(o.dp && o.scale.empty() ? std::max(1, ranks / *o.dp) : plan.tp);
  plan.dp = o.dp && o.scale.empty() ? *o.dp : std::max(1, ranks / plan.tp);
  plan.pp = o.pp.value_or(1);
  plan.order = o.order.value_or(plan.order);
  plan.dtype = o.dtype.value_or(plan.dtype);
  plan.global_batch = plan.dp;
  plan.overlap = false;
  return plan;
}

ServingSources sources_of(const Options& o, const ModelSpec& model, const ServingPlan& plan) {
  ServingSources sources;
  if (o.trace) sources.trace = read_trace(*o.trace, model.max_sequence);
  if (o.prompt_tokens)
    sources.prompts = read_prompt_file(*o.prompt_tokens, model.vocabulary, model.max_sequence - plan.output.most());
  return sources;
}

// What was said for all points; what is swept is set for each.
ServingPlan serving_of(const Options& o, const Workload& workload, const ParallelPlan& plan) {
  ServingPlan s = workload.serving;
  const auto take = [](auto& to, const auto& from) {
    if (from) to = *from;
  };
  take(s.input, o.input_tokens);
  take(s.output, o.output_tokens);
  take(s.prefill_chunk, o.prefill_chunk);
  take(s.kv_bytes, o.kv_memory);
  take(s.ignore_eos, o.ignore_eos);
  take(s.sampling.temperature, o.temperature);
  take(s.sampling.top_k, o.top_k);
  take(s.sampling.top_p, o.top_p);
  s.kv_dtype = o.kv_dtype.value_or(plan.dtype);
  s.limits = o.goodput;
  return s;
}

std::vector<ServingPlan> swept(const Options& o, const ServingPlan& all) {
  std::vector<ServingPlan> plans;
  const auto set_batch = [](ServingPlan& s, int batch) { s.batch = batch; };
  const auto set_concurrency = [](ServingPlan& s, int concurrency) { s.concurrency = concurrency; };
  const auto set_rate = [](ServingPlan& s, double rate) { s.arrivals = Arrivals::open, s.request_rate = rate; };
  ServingPlan base = all;  // of what has one value, which then isn't a sweep
  if (o.batch.size() == 1) set_batch(base, o.batch.front());
  if (o.concurrency.size() == 1) set_concurrency(base, o.concurrency.front());
  if (o.request_rate.size() == 1) set_rate(base, o.request_rate.front());
  if (o.trace) base.arrivals = Arrivals::listed;
  const auto from_base = [&](const auto& values, auto set) {
    for (const auto value : values) set(plans.emplace_back(base), value);
  };
  if (o.batch.size() > 1) from_base(o.batch, set_batch);
  if (o.concurrency.size() > 1) from_base(o.concurrency, set_concurrency);
  if (o.request_rate.size() > 1) from_base(o.request_rate, set_rate);
  if (plans.empty()) plans.push_back(base);
  return plans;
}

void settle(const Options& o, ServingPlan& s, const ServingSources& sources, int dp) {
  if (s.concurrency == 0) s.concurrency = s.batch * dp;
  const std::int64_t under_way = s.arrivals == Arrivals::closed ? s.concurrency : std::int64_t{s.batch} * dp;
  if (!sources.trace.empty())
    s.requests = std::ssize(sources.trace);
  else if (o.requests)
    s.requests = *o.requests;
  else if (!sources.prompts.empty())
    s.requests = std::ssize(sources.prompts);
  else if (s.requests == 0)
    s.requests = kTurns * under_way;
  if (s.arrivals == Arrivals::closed && s.concurrency < dp)
    fail(Exit::bad_input,
         "--concurrency {} with dp {} (each replica needs a request at a time) write --tp {}, or --concurrency {}",
         s.concurrency, dp, dp, dp);
}

// FLOPs of one step over all ranks: a token of each sequence, at its longest.
double step_flops(const ModelSpec& m, const PointPlan& point) {
  const Assignment& a = point.assignment;
  const double rows = std::max(kLeastRows, static_cast<double>(a.serving.batch)) * a.plan.dp;
  const std::int64_t length = longest_request(a.serving, a.sources);
  const double layers = static_cast<double>(m.layers) * layer_forward_flops_per_token(m, 2 * length);
  return rows * (layers + 2.0 * static_cast<double>(m.vocabulary * m.hidden));
}

std::vector<PointPlan> at_rung(std::vector<PointPlan> points, const Rung& rung) {
  for (PointPlan& point : points) point.assignment.model = rung.model;
  return points;
}

bool suits(const Rung& rung, const Workload& workload, const std::vector<PointPlan>& points, double memory) {
  return std::ranges::all_of(at_rung(points, rung), [&](const PointPlan& point) {
    return step_flops(rung.model, point) <= kDecodeBudget &&
           static_cast<double>(dry_run(workload, point).memory.peak) <= memory;
  });
}

void check_lengths(const Assignment& a) {
  const std::int64_t longest = longest_request(a.serving, a.sources);
  if (longest > a.model.max_sequence)
    fail(Exit::bad_input,
         "a request of {} tokens, prompt and answer (--input-tokens {}, --output-tokens {}; {} was made for {}) lower "
         "one of them",
         longest, a.serving.input.text(), a.serving.output.text(), a.model.name, a.model.max_sequence);
}

void check_cache(const Assignment& a) {
  const std::int64_t needed =
      blocks_at_once(longest_request(a.serving, a.sources), a.serving.prefill_chunk, a.model.window);
  const std::int64_t there = blocks_of_cache(a), size = Decoder::bytes_of_block(a.model, a.plan, a.serving.kv_dtype);
  if (there < needed)
    fail(Exit::unfit,
         "--kv-memory {} holds {} blocks of {} positions (the longest request needs {}) write --kv-memory {} or more, "
         "or shorten the requests",
         format_size(a.serving.kv_bytes), there, kBlockPositions, needed, format_size(needed * size));
}

}  // namespace

std::vector<PointPlan> decode_points(const Options& o, const Workload& workload, const ModelSpec& model,
                                     const Surroundings& s, const std::vector<int>& scale) {
  std::vector<PointPlan> points;
  for (const int ranks : scale) {
    const ParallelPlan plan = plan_for(o, workload, ranks, s.ranks_on_node);
    const ServingPlan all = serving_of(o, workload, plan);
    const ServingSources sources = sources_of(o, model, all);
    for (ServingPlan& serving : swept(o, all)) {
      settle(o, serving, sources, plan.dp);
      points.push_back(
          {.ranks = ranks,
           .assignment = {
               .model = model, .plan = plan, .seed = o.seed, .serving = std::move(serving), .sources = sources}});
      validate_for_decode(plan, model, ranks);
      check_lengths(points.back().assignment);
    }
  }
  return points;
}

Rung decode_rung(const Options& o, const Workload& workload, const std::vector<PointPlan>& points,
                 const Surroundings& s) {
  const Assignment& largest = points.back().assignment;
  if (o.shrink == "none" || (o.shrink == "auto" && !s.cpu)) return {.model = largest.model};
  const Tokens tokens = o.prompt_tokens ? Tokens::of_the_user : Tokens::served;
  if (o.shrink != "auto") return rung_named(largest.model, largest.plan, stored_rung(o.shrink), tokens);
  const std::vector<Rung> ladder = shrink_ladder(largest.model, largest.plan, tokens);
  const auto chosen =
      std::ranges::find_if(ladder, [&](const Rung& rung) { return suits(rung, workload, points, s.memory); });
  if (chosen != ladder.end()) return *chosen;
  const double need = static_cast<double>(dry_run(workload, at_rung(points, ladder.back()).back()).memory.peak);
  if (need > s.memory)
    fail(Exit::unfit, "{} does not fit in memory (its smallest form needs {} per rank, and may take {}) lower --batch",
         largest.model.name, format_bytes(need), format_bytes(s.memory));
  return ladder.back();  // more replicas than the budget has rows are a reason to measure, not to refuse
}

void validate_decode(const PointPlan& point) {
  validate_for_decode(point.assignment.plan, point.assignment.model, point.ranks);
  check_cache(point.assignment);
}

std::string text_of(const std::vector<LatencyLimit>& limits) {
  std::string text;
  for (const LatencyLimit& limit : limits)
    text += fmt::format("{}{}:{:g}", text.empty() ? "" : ",", name_of(limit.metric), limit.seconds);
  return text;
}

}  // namespace scalebench
