#include "app/job_decode.hpp"

#include <algorithm>
#include <functional>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "app/dry_run.hpp"
#include "app/job_serving.hpp"
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

ParallelPlan plan_for(const Options& o, const Workload& workload, int ranks, int ranks_on_node) {
  ParallelPlan plan = workload.plan(ranks, std::min(ranks, ranks_on_node));
  plan.tp = o.tp.value_or(o.dp && o.scale.empty() ? std::max(1, ranks / *o.dp) : plan.tp);
  plan.pp = o.pp.value_or(1);
  plan.dp = o.dp && o.scale.empty() ? *o.dp : std::max(1, ranks / (plan.tp * plan.pp));
  plan.order = o.order.value_or(plan.order);
  plan.dtype = o.dtype.value_or(plan.dtype);
  if (o.weight_dtype && *o.weight_dtype != plan.dtype && size_of(*o.weight_dtype) > 1)
    fail(Exit::bad_input, "--weight-dtype {0} with --dtype {1} (both are multiplied with each other) write --dtype {0}",
         name_of(*o.weight_dtype), name_of(plan.dtype));
  plan.global_batch = plan.dp;
  plan.overlap = false;
  return plan;
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
         "--kv-memory {} holds {} blocks of {} positions (the longest request needs {}) write --kv-memory {}KiB or "
         "more, "
         "or shorten the requests",
         format_size(a.serving.kv_bytes), there, kBlockPositions, needed, (needed * size + 1023) / 1024);
}

bool suits(const Rung& rung, const Workload& workload, const std::vector<PointPlan>& points, double memory) {
  return std::ranges::all_of(at_rung(points, rung), [&](const PointPlan& point) {
    if (step_flops(rung.model, point) > kDecodeBudget) return false;
    check_cache(point.assignment);  // in front of a run that could begin nothing
    return static_cast<double>(dry_run(workload, point).memory.peak) <= memory;
  });
}

}  // namespace

std::vector<PointPlan> decode_points(const Options& o, const Workload& workload, const ModelSpec& model,
                                     const Surroundings& s, const std::vector<int>& scale) {
  std::vector<PointPlan> points;
  for (const int ranks : scale) {
    const ParallelPlan plan = plan_for(o, workload, ranks, s.ranks_on_node);
    const ServingSources sources = sources_of(o, workload, model);
    for (ServingPlan& serving : serving_plans(o, workload, plan, sources)) {
      points.push_back(
          {.ranks = ranks,
           .assignment =
               {.model = model, .plan = plan, .seed = o.seed, .serving = std::move(serving), .sources = sources},
           .gpu = s.gpu});
      validate_for_decode(plan, model, ranks);
      check_lengths(points.back().assignment);
    }
  }
  return points;
}

Rung decode_rung(const Options& o, const Workload& workload, const std::vector<PointPlan>& points,
                 const Surroundings& s) {
  const Assignment& largest = points.back().assignment;
  const std::string rule = o.shrink.value_or(s.cpu ? "auto" : "none");
  if (rule == "none") return {.model = largest.model};
  const Tokens tokens = o.prompt_tokens ? Tokens::of_the_user : Tokens::served;
  if (rule != "auto") return rung_named(largest.model, largest.plan, stored_rung(rule), tokens);
  const std::vector<Rung> ladder = shrink_ladder(largest.model, largest.plan, tokens);
  const auto chosen =
      std::ranges::find_if(ladder, [&](const Rung& rung) { return suits(rung, workload, points, s.memory); });
  if (chosen != ladder.end()) return *chosen;
  const PointPlan smallest = at_rung(points, ladder.back()).back();
  check_cache(smallest.assignment);
  const double need = static_cast<double>(dry_run(workload, smallest).memory.peak);
  if (need > s.memory)
    fail(Exit::unfit, "{} does not fit in memory (its smallest form needs {} per rank, and may take {}) lower --batch",
         largest.model.name, format_bytes(need), format_bytes(s.memory));
  return ladder.back();  // more replicas than the budget has rows are a reason to measure, not to refuse
}

void validate_decode(const PointPlan& point) {
  validate_for_decode(point.assignment.plan, point.assignment.model, point.ranks);
  check_cache(point.assignment);
}

}  // namespace scalebench
