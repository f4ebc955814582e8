#include "app/dry_run.hpp"

#include <fmt/format.h>

#include "app/backend.hpp"
#include "base/units.hpp"

namespace scalebench {

namespace {

bool counts_as_model_work(const Span& span) { return span.name == Gemm::name || span.name.starts_with(Attention::name); }

constexpr std::array<std::string_view, kUses> kMeaning = {
    "master weights, gradient, moments",
    "what the backward needs, scratch",
    "whole parameters in use",
    "whole gradients on their way",
    "",
    "tokens, tables, scalars",
};

}  // namespace

DryRun dry_run(const Workload& workload, const PointPlan& point, int rank) {
  Backend backend = make_sim_backend(rank, point.ranks, point.assignment.plan.overlap);
  World world = backend.world();
  const auto step = workload.prepare(world, point.assignment);
  backend.witness->timeline().record(true);
  backend.witness->timeline().clear();
  step->run(0);
  DryRun run{.memory = backend.device->memory(), .order = backend.witness->order().value(),
             .spans = backend.witness->timeline().spans()};
  for (const Span& span : run.spans) {
    if (counts_as_model_work(span)) run.flops += span.flops;
    if (span.part == Part::communication) run.wire_bytes += span.bytes;
  }
  return run;
}

std::string dry_run_text(const Job& job, const DryRun& run, double memory, const std::string& machine) {
  const Assignment& a = job.largest().assignment;
  std::string text;
  const auto line = [&](std::string_view name, double bytes, std::string_view meaning) {
    text += fmt::format("  {:<12}{:>12}  {}\n", name, format_bytes(bytes), meaning);
  };
  text += fmt::format("{}{} on {} ranks: {} parameters, {} sequences of {} tokens a step, {}\n", job.workload.name,
                      job.shrunk.empty() ? "" : fmt::format(" ({})", job.shrunk), job.largest().ranks,
                      format_count(static_cast<double>(parameter_count(a.model))), a.plan.global_batch, a.plan.sequence,
                      name_of(a.plan.dtype));
  text += fmt::format("  plan        dp {} tp {} pp {}, shard {}, recompute {}, prefetch {}, overlap {}\n", a.plan.dp,
                      a.plan.tp, a.plan.pp, name_of(a.plan.shard), name_of(a.plan.recompute), a.plan.prefetch,
                      a.plan.overlap ? "yes" : "no");
  text += fmt::format("  per step    {}FLOP and {} through collectives, per rank\n", format_count(run.flops),
                      format_bytes(run.wire_bytes));
  text += "memory per rank (predicted)\n";
  for (std::size_t use = 0; use < kUses; ++use)
    line(name_of(static_cast<Use>(use)), static_cast<double>(run.memory.at_peak[use]), kMeaning[use]);
  const auto need = static_cast<double>(run.memory.peak);
  line("total", need, "");
  if (need <= memory)
    text += fmt::format("fits: {} of {} {}\n", format_bytes(need), format_bytes(memory), machine);
  else
    text += fmt::format("does not fit: lacks {} of {} per rank ({} has {})\n", format_bytes(need - memory),
                        format_bytes(need), machine, format_bytes(memory));
  return text;
}

}  // namespace scalebench
