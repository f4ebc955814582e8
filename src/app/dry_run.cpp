#include "app/dry_run.hpp"

#include <cmath>

#include <fmt/format.h>

#include "app/backend.hpp"
#include "app/measure/measurement.hpp"
#include "app/remedies.hpp"
#include "base/check.hpp"
#include "base/units.hpp"
#include "spec/state_bytes.hpp"
#include "workloads/blocks/decode_step.hpp"
#include "workloads/blocks/requests.hpp"
#include "workloads/blocks/scheduler.hpp"

namespace scalebench {

namespace {

bool multiplies_as_planned(const Span& span) {
  return span.name == Gemm::kTf32Name || span.name == GemmBias::kTf32Name || span.name == GemmScaled::name;
}

bool counts_as_model_work(const Span& span) {
  return span.name == Gemm::name || span.name == GemmBias::name || multiplies_as_planned(span) ||
         span.name == GemmQuantized::name || span.name.starts_with(Attention::name);
}

constexpr int kMostItems = 4;

// The largest of a use, in words: "gathered_layer x 2, gathered_head".
std::string largest_items(const DryRun& run, Use use, bool on_host = false) {
  std::string text;
  int shown = 0;
  for (const MemoryItem& item : run.items) {
    if (item.use != use || item.on_host != on_host || ++shown > kMostItems) continue;
    text += fmt::format("{}{}", text.empty() ? "" : ", ", item.label);
    if (item.count > 1) text += fmt::format(" x {}", item.count);
  }
  return shown > kMostItems ? text + ", ..." : text;
}

// Bytes that each parameter of the rank's part of the model takes between steps.
std::string state_table(const ParallelPlan& plan) {
  std::string text = fmt::format("bytes a parameter {:>11}{:>10}{:>10}{:>10}{:>10}\n", "parameters", "gradient",
                                 "master", "moments", "total");
  const auto line = [&](std::string_view name, const StateBytes& b) {
    text += fmt::format("  {:<16}{:>11.4g}{:>10.4g}{:>10.4g}{:>10.4g}{:>10.4g}\n", name, b.parameters, b.gradient,
                        b.master, b.moments, b.total());
  };
  line("whole", whole_state(plan));
  line("of a rank", state_of_rank(plan));
  if (plan.offload) line("on the host", state_on_host(plan));
  return text;
}

std::string remedies_text(const std::vector<Remedy>& remedies) {
  if (remedies.empty()) return "no other plan that was tried fits\n";
  std::string text = "what would fit, per rank\n";
  for (const Remedy& remedy : remedies)
    text += fmt::format(
        "  {:<52}{:>10}{}\n", remedy.flags, format_bytes(remedy.bytes),
        remedy.host_bytes > 0 ? fmt::format(", and {} of its host's", format_bytes(remedy.host_bytes)) : "");
  return text;
}

std::string headline(const Job& job) {
  const Assignment& a = job.largest().assignment;
  const std::string what = job.shrunk.empty() ? fmt::format("{} ({} parameters)", job.workload.name,
                                                            format_count(static_cast<double>(parameter_count(a.model))))
                                              : job.shrunk;
  return fmt::format("{} on {} rank{}", what, job.largest().ranks, job.largest().ranks == 1 ? "" : "s");
}

std::string optimizer_text(const ParallelPlan& plan) {
  const OptimizerSettings& o = plan.optimizer;
  if (o.kind == Optimizer::sgd) return ", optimizer sgd";
  std::string text;
  if (o.state_dtype != DType::f32) text = o.state_dtype == DType::bf16 ? ", moments in bf16" : ", moments in fp8";
  return plan.offload ? text + ", optimizer offloaded" : text;
}

std::string training_text(const Job& job, const DryRun& run) {
  const ParallelPlan& plan = job.largest().assignment.plan;
  std::string text = fmt::format("{}: {} sequence{} of {} tokens a step, {}\n", headline(job), plan.global_batch,
                                 plan.global_batch == 1 ? "" : "s", plan.sequence, precision_name(plan));
  const std::string chunks = plan.virtual_stages > 1 ? fmt::format(" x {}", plan.virtual_stages) : "";
  text += fmt::format(
      "  plan       dp {} tp {}{} pp {}{}, shard {}, recompute {}, prefetch {}, overlap {}{}{}\n", plan.dp, plan.tp,
      plan.sequence_parallel ? " (sequence parallel)" : "", plan.pp, chunks, name_of(plan.shard),
      name_of(plan.recompute), plan.prefetch, plan.overlap ? "yes" : "no", optimizer_text(plan),
      plan.reduce_dtype == DType::f32 ? "" : fmt::format(", gradients reduced in {}", name_of(plan.reduce_dtype)));
  text += fmt::format("  a step     {}FLOP in matrix products and attention, {} sent through collectives, per rank\n",
                      format_count(run.flops), format_bytes(run.wire_bytes));
  text += state_table(plan);
  return text;
}

// At the peaks of a machine, as far as they are known.
std::string least_time_text(const ParallelPlan& plan, const DryRun& run, const Machine& machine) {
  const auto peak = [&](std::string_view precision) {
    const auto found = machine.peaks.find(precision);
    return found == machine.peaks.end() ? kUnknown : found->second;
  };
  const double plain = peak(name_of(plan.dtype)), products = peak(precision_name(plan));
  const double in_products = plan.products == Products::plain ? 0 : run.flops_in_products;
  const double others = run.flops - in_products;
  const double seconds = (others > 0 ? others / plain : 0) + (in_products > 0 ? in_products / products : 0);
  if (std::isnan(seconds)) return "";
  std::string text = fmt::format("  at least   {} a step at the dense peak of {}: {}FLOP/s {}",
                                 format_duration(seconds), machine.name, format_count(plain), name_of(plan.dtype));
  if (in_products > 0)
    text += fmt::format(", {}FLOP/s {} for {:.1f} % of the FLOPs", format_count(products), precision_name(plan),
                        100 * in_products / run.flops);
  return text + "\n";
}

std::string decode_text(const Job& job, const DryRun& run) {
  const Assignment& a = job.largest().assignment;
  const std::int64_t blocks = blocks_of_cache(a);
  std::string text = fmt::format("{}: {} sequences a step and replica, {}, cache {}\n", headline(job), a.serving.batch,
                                 name_of(a.plan.dtype), name_of(a.serving.kv_dtype));
  text += fmt::format("  plan       dp {} tp {}, prefill chunk {}, prompts of {} tokens, answers of {}\n", a.plan.dp,
                      a.plan.tp, a.serving.prefill_chunk, a.serving.input.text(), a.serving.output.text());
  text += fmt::format("  a step     {}FLOP in matrix products and attention, {} sent through collectives, per rank\n",
                      format_count(run.flops), format_bytes(run.wire_bytes));
  text += fmt::format(
      "  cache      {} blocks of {} positions: {} sequences of {} tokens\n", blocks, kBlockPositions,
      blocks / blocks_at_once(longest_request(a.serving, a.sources), a.serving.prefill_chunk, a.model.window),
      longest_request(a.serving, a.sources));
  return text;
}

}  // namespace

DryRun dry_run(const Workload& workload, const PointPlan& point, int rank) {
  Backend backend = make_sim_backend(rank, point.assignment.plan, point.gpu);
  World world = backend.world();
  Assignment assignment = point.assignment;
  assignment.weights = nullptr;  // sim holds no values
  const auto step = workload.prepare(world, assignment);
  if (Service* const service = step->service()) service->begin_steady();
  backend.witness->timeline().record(true);
  backend.witness->timeline().clear();
  step->run(0);
  DryRun run{.stage = backend.mesh->index(Axis::pp),
             .memory = backend.device->memory(),
             .host_memory = backend.device->host_memory(),
             .items = backend.device->memory_items(),
             .spans = backend.witness->timeline().spans()};
  const std::size_t workspaces = backend.device->workspace();
  run.memory.at_peak[static_cast<std::size_t>(Use::workspaces)] = workspaces;
  run.memory.peak += workspaces;
  for (const Span& span : run.spans) {
    if (counts_as_model_work(span)) run.flops += span.flops;
    if (multiplies_as_planned(span)) run.flops_in_products += span.flops;
    if (span.part == Part::communication && span.name != Receive::name) run.wire_bytes += span.bytes;
  }
  for (Communicator* communicator : backend.mesh->all())
    run.orders.emplace_back(communicator->group(), backend.witness->order_on(communicator->lane()).value());
  return run;
}

DryRun heaviest_dry_run(const Workload& workload, const PointPlan& point) {
  const ParallelPlan& plan = point.assignment.plan;
  DryRun heaviest = dry_run(workload, point);
  for (int stage = 1; stage < plan.pp; ++stage) {
    DryRun run = dry_run(workload, point, stage * plan.stride(Dimension::pp));
    if (run.memory.peak > heaviest.memory.peak) heaviest = std::move(run);
  }
  return heaviest;
}

void check_precision(const ParallelPlan& plan, const Machine& machine) {
  const std::string_view precision = precision_name(plan);
  if (plan.products == Products::plain) return;
  if (!machine.peaks.empty() && !machine.peaks.contains(precision))
    fail(Exit::bad_input, "--dtype {} on {} (its matrix units have no {}) write --dtype bf16", precision, machine.name,
         precision);
  const std::string_view scaling = fp8_scaling_name(plan.products);
  if (is_fp8(plan.products) && !machine.fp8_scaling.empty() &&
      std::ranges::find(machine.fp8_scaling, scaling) == machine.fp8_scaling.end())
    fail(Exit::bad_input, "--fp8-scaling {} on {} (its matrix units have {} alone) write --fp8-scaling {}", scaling,
         machine.name, machine.fp8_scaling.front(), machine.fp8_scaling.front());
}

std::string dry_run_text(const Job& job, const DryRun& run, double memory, const std::string& of_what,
                         const std::optional<Machine>& machine) {
  const ParallelPlan& plan = job.largest().assignment.plan;
  const bool decodes = job.workload.kind == WorkloadKind::decode;
  std::string text = decodes ? decode_text(job, run) : training_text(job, run);
  if (machine && !decodes) text += least_time_text(plan, run, *machine);
  text += plan.pp == 1 ? "memory per rank, predicted\n"
                       : fmt::format("memory per rank, predicted, of stage {} of {}, which needs the most\n",
                                     run.stage + 1, plan.pp);
  for (std::size_t use = 0; use < kUses; ++use)
    if (run.memory.at_peak[use] > 0 || (!decodes && use < static_cast<std::size_t>(Use::cache)))
      text += fmt::format("  {:<12}{:>10}  {}\n", name_of(static_cast<Use>(use)),
                          format_bytes(static_cast<double>(run.memory.at_peak[use])),
                          static_cast<Use>(use) == Use::workspaces ? "of cuBLASLt and attention"
                                                                   : largest_items(run, static_cast<Use>(use)));
  const auto need = static_cast<double>(run.memory.peak);
  text += fmt::format("  {:<12}{:>10}\n", "total", format_bytes(need));
  if (run.host_memory.peak > 0)
    text += fmt::format("  {:<12}{:>10}  {}\n", "on the host", format_bytes(static_cast<double>(run.host_memory.peak)),
                        largest_items(run, Use::states, true));
  if (need <= memory)
    return text + fmt::format("fits: needs {} of the {} {}\n", format_bytes(need), format_bytes(memory), of_what);
  text += fmt::format("does not fit: lacks {}; needs {}, has the {} {}\n", format_bytes(need - memory),
                      format_bytes(need), format_bytes(memory), of_what);
  return decodes ? text : text + remedies_text(remedies(job, memory));
}

}  // namespace scalebench
