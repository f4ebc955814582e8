#include "app/job.hpp"

#include <algorithm>
#include <limits>
#include <numeric>
#include <utility>

#include <fmt/format.h>

#include "app/dry_run.hpp"
#include "app/inputs/checkpoint.hpp"
#include "app/inputs/token_file.hpp"
#include "app/job_decode.hpp"
#include "app/job_flags.hpp"
#include "app/recorder/recorder.hpp"
#include "base/check.hpp"
#include "base/units.hpp"
#include "spec/catalogue.hpp"
#include "workloads/registry.hpp"

namespace scalebench {

namespace {

Products products_of(const Options& o) {
  if (o.fp8_scaling && !is_fp8(o.products))
    fail(Exit::bad_input, "--fp8-scaling without --dtype fp8 (it says how FP8 is scaled) add --dtype fp8");
  return o.fp8_scaling.value_or(o.products);
}

// The workload's plan with what the user said instead.
ParallelPlan plan_for(const Options& o, const Workload& workload, int ranks, int ranks_on_node) {
  ParallelPlan plan = workload.plan(ranks, std::min(ranks, ranks_on_node));
  const auto take = [](auto& to, const auto& from) {
    if (from) to = *from;
  };
  take(plan.tp, o.tp);
  take(plan.pp, o.pp);
  take(plan.virtual_stages, o.virtual_stages);
  plan.dp = o.dp && o.scale.empty() ? *o.dp : std::max(1, ranks / (plan.tp * plan.pp));
  take(plan.order, o.order);
  plan.sequence_parallel = o.sequence_parallel || (plan.sequence_parallel && plan.tp > 1);
  take(plan.shard, o.shard);
  plan.shard_group = plan.shard == Shard::hybrid ? default_shard_group(plan.dp, ranks_on_node / plan.tp) : 0;
  take(plan.shard_group, o.shard_group);
  take(plan.reshard_after_forward, o.reshard_after_forward);
  if (plan.shard == Shard::gradients && o.reshard_after_forward.value_or(false))
    fail(Exit::bad_input,
         "--reshard-after-forward yes with --shard gradients (ZeRO-2 keeps its parameters whole) write --shard "
         "parameters");
  if (plan.shard == Shard::gradients) plan.reshard_after_forward = false;
  take(plan.prefetch, o.prefetch);
  take(plan.bucket_bytes, o.bucket_bytes);
  take(plan.micro_batch, o.micro_batch);
  take(plan.sequence, o.sequence);
  take(plan.dtype, o.dtype);
  plan.products = products_of(o);
  take(plan.reduce_dtype, o.reduce_dtype);
  take(plan.recompute, o.recompute);
  if (o.optimizer) plan.optimizer = settings_of(*o.optimizer);
  take(plan.optimizer.state_dtype, o.optimizer_state_dtype);
  plan.offload = o.offload;
  if (o.no_overlap) plan.overlap = false;
  return plan;
}

// Ranks of each point.
std::vector<int> scale_of(const Options& o, const Surroundings& s) {
  if (o.scale.empty()) return {s.ranks};
  if (o.scale.back() > s.ranks)
    fail(Exit::bad_input, "--scale asks for {} ranks ({} started) start more: mpirun -np {}", o.scale.back(),
         s.ranks == 1 ? "1 was" : fmt::format("{} were", s.ranks), o.scale.back());
  if (o.dp) fail(Exit::bad_input, "--dp {} with --scale (dp follows the ranks of each point) leave --dp out", *o.dp);
  return o.scale;
}

// Strong: the step's sequences stay, smaller points accumulate; without a wish, the least that all points can do.
// Weak: each rank's stay. Both are said for the largest point.
void set_global_batch(const Options& o, std::vector<PointPlan>& points) {
  const ParallelPlan& largest = points.back().assignment.plan;
  std::int64_t whole = o.global_batch.value_or(largest.dp * largest.micro_batch * largest.natural_accumulation());
  if (!o.global_batch && o.scaling == ScalingKind::strong)
    for (const PointPlan& point : points)
      whole = std::lcm(whole, point.assignment.plan.dp * point.assignment.plan.micro_batch *
                                  point.assignment.plan.natural_accumulation());
  for (PointPlan& point : points) {
    ParallelPlan& plan = point.assignment.plan;
    if (o.scaling == ScalingKind::weak && whole % largest.dp == 0)
      plan.global_batch = whole / largest.dp * plan.dp;
    else
      plan.global_batch = whole;
  }
}

// With ids from a file their length is the sequence.
std::shared_ptr<const TokenRows> tokens_of(const Options& o, const ModelSpec& model) {
  if (!o.tokens) return nullptr;
  auto rows = std::make_shared<const TokenRows>(read_token_file(*o.tokens, o.sequence, model.vocabulary));
  if (rows->length - 1 > model.max_sequence)
    fail(Exit::bad_input, "--tokens {} has sequences of {} ids ({} was made for {} tokens, and a target) cut them",
         *o.tokens, rows->length, model.name, model.max_sequence);
  return rows;
}

std::vector<PointPlan> training_points(const Options& o, const Workload& workload, const ModelSpec& model,
                                       const Surroundings& s) {
  if (o.offload && (o.device == "cpu" || (s.cpu && !o.dry_run)))
    fail(Exit::bad_input,
         "--offload optimizer on the CPU (the host's memory is the only one) leave it out, or run on a GPU");
  std::vector<PointPlan> points;
  const auto tokens = tokens_of(o, model);
  for (const int ranks : scale_of(o, s)) {
    PointPlan& point = points.emplace_back();
    point.ranks = ranks;
    point.assignment = {
        .model = model, .plan = plan_for(o, workload, ranks, s.ranks_on_node), .seed = o.seed, .tokens = tokens};
    point.gpu = s.gpu;
    if (tokens)
      point.assignment.plan.sequence = tokens->length - 1;
    else if (!o.sequence)
      point.assignment.plan.sequence = std::min(point.assignment.plan.sequence, model.max_sequence);
  }
  set_global_batch(o, points);
  for (const PointPlan& point : points) validate(point.assignment.plan, model, point.ranks);
  return points;
}

std::vector<PointPlan> at_rung(std::vector<PointPlan> points, const Rung& rung) {
  for (PointPlan& point : points) {
    point.assignment.model = rung.model;
    point.assignment.plan.sequence = rung.sequence;
  }
  return points;
}

bool fits(const std::vector<PointPlan>& points, const Workload& workload, double memory) {
  return std::all_of(points.begin(), points.end(), [&](const PointPlan& point) {
    return static_cast<double>(heaviest_dry_run(workload, point).memory.peak) <= memory;
  });
}

Rung rung_for(const Options& o, const Workload& workload, const std::vector<PointPlan>& points, const Surroundings& s) {
  const Assignment& largest = points.back().assignment;
  const std::string rule = o.shrink.value_or(s.cpu ? "auto" : "none");
  if (rule == "none") return {.model = largest.model, .sequence = largest.plan.sequence};
  const Tokens tokens = o.tokens ? Tokens::of_the_user : Tokens::drawn;
  if (rule != "auto") return rung_named(largest.model, largest.plan, stored_rung(rule), tokens);
  return choose_rung(
      largest.model, largest.plan, kShrinkBudget,
      [&](const Rung& rung) { return fits(at_rung(points, rung), workload, s.memory); }, tokens);
}

std::string described(const ModelSpec& full, const Rung& rung, const Options& o) {
  std::string text;
  if (!rung.name.empty())
    text = fmt::format("{} shrunk to {} layers, hidden {}, vocabulary {}{} ({} parameters)", o.workload,
                       rung.model.layers, rung.model.hidden, rung.model.vocabulary,
                       rung.sequence > 0 ? fmt::format(", sequence {}", rung.sequence) : "",
                       format_count(static_cast<double>(parameter_count(rung.model))));
  else if (o.layers)
    text = fmt::format("{} cut to {} layer{} ({} parameters)", o.workload, rung.model.layers,
                       rung.model.layers == 1 ? "" : "s", format_count(static_cast<double>(parameter_count(full))));
  return text;
}

// Message sizes in elements, from -b to -e.
std::vector<std::int64_t> counts_of(const Options& o) {
  const auto unit = static_cast<std::int64_t>(size_of(o.collective_type));
  if (o.begin_bytes < unit)
    fail(Exit::bad_input, "-b {} is less than one element ({} has {} bytes) write -b {}", o.begin_bytes,
         name_of(o.collective_type), unit, unit);
  if (o.end_bytes / unit > std::numeric_limits<int>::max())
    fail(Exit::bad_input, "-e {} is {} elements (one MPI call takes at most 2147483647) write a smaller -e",
         format_size(o.end_bytes), o.end_bytes / unit);
  std::vector<std::int64_t> counts;
  for (std::int64_t bytes = o.begin_bytes; bytes <= o.end_bytes;) {
    if (counts.empty() || counts.back() != bytes / unit) counts.push_back(bytes / unit);
    const std::int64_t next =
        o.step_bytes > 0 ? bytes + o.step_bytes : static_cast<std::int64_t>(static_cast<double>(bytes) * o.factor);
    bytes = std::max(next, bytes + 1);
  }
  return counts;
}

std::vector<PointPlan> collective_points(const Options& o, const Workload& workload, const Surroundings& s) {
  std::vector<PointPlan> points;
  for (const int ranks : scale_of(o, s))
    for (const std::int64_t count : counts_of(o))
      for (const bool in_place : {false, true}) {
        PointPlan& point = points.emplace_back();
        point.ranks = ranks;
        point.assignment.plan = plan_for(o, workload, ranks, s.ranks_on_node);
        point.assignment.transfer = {.bytes = count * static_cast<std::int64_t>(size_of(o.collective_type)),
                                     .in_place = in_place,
                                     .dtype = o.collective_type,
                                     .reduction = o.reduction == "max" ? Reduction::maximum : Reduction::sum,
                                     .check = o.check};
      }
  return points;
}

}  // namespace

Job resolve(const Options& o, const Surroundings& s) {
  Job job{.workload = find_workload(o.workload),
          .scaling = o.scale.empty() ? ScalingKind::none : o.scaling,
          .threads = o.threads.value_or(std::max(1, s.cores / std::max(1, s.ranks_on_node))),
          .places = s.places};
  refuse_flags_of_others(o, job.workload.kind);
  if (job.workload.kind == WorkloadKind::collective) {
    job.points = collective_points(o, job.workload, s);
    return job;
  }
  ModelSpec full = find_model(o.model.value_or(std::string(job.workload.model)));
  if (o.layers) full = with_layers(full, *o.layers);
  const bool decodes = job.workload.kind == WorkloadKind::decode;
  job.points =
      decodes ? decode_points(o, job.workload, full, s, scale_of(o, s)) : training_points(o, job.workload, full, s);
  job.rung = decodes ? decode_rung(o, job.workload, job.points, s) : rung_for(o, job.workload, job.points, s);
  job.points = at_rung(std::move(job.points), job.rung);
  for (const PointPlan& point : job.points)
    decodes ? validate_decode(point) : validate(point.assignment.plan, point.assignment.model, point.ranks);
  job.shrunk = described(full, job.rung, o);
  if (o.weights) {
    const auto weights = std::make_shared<const Checkpoint>(*o.weights, units_of(full));
    for (PointPlan& point : job.points) point.assignment.weights = weights;
  }
  return job;
}

}  // namespace scalebench
