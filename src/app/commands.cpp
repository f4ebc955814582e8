#include "app/commands.hpp"

#include <algorithm>
#include <limits>

#include <fmt/format.h>

#include "app/dry_run.hpp"
#include "app/guard/launch.hpp"
#include "app/host.hpp"
#include "app/job.hpp"
#include "base/check.hpp"
#include "base/units.hpp"
#include "spec/catalogue.hpp"
#include "workloads/registry.hpp"

namespace scalebench {

namespace {

std::string list_text() {
  std::string text = "workloads\n";
  for (const Workload& w : workloads()) text += fmt::format("  {:<22}{}\n", w.name, w.summary);
  text += "models\n";
  for (const std::string& name : model_names())
    text += fmt::format("  {:<14}{} parameters\n", name,
                        format_count(static_cast<double>(parameter_count(find_model(name)))));
  text += "machines (for --dry-run)\n";
  for (const std::string& name : machine_names()) {
    const Machine machine = find_machine(name);
    text += fmt::format("  {:<14}{} x {}\n", name, machine.devices_per_node, format_bytes(machine.memory));
  }
  return text;
}

std::string describe_text(const std::string& name) {
  const Workload w = find_workload(name);
  std::string text = fmt::format("{}: {}\n", w.name, w.summary);
  if (w.kind == WorkloadKind::collective) return text;
  const ModelSpec m = find_model(std::string(w.model));
  const ParallelPlan p = w.plan(16, 8);
  const ServingPlan& s = w.serving;
  text += fmt::format(
      "  model      {} ({}): {} layers, hidden {}, feed-forward {}, {} query and {} key-value heads of {}, "
      "vocabulary {}\n",
      m.name, name_of(m.family), m.layers, m.hidden, m.feed_forward, m.heads, m.kv_heads, m.head_dim, m.vocabulary);
  text += fmt::format("  parameters {}\n", parameter_count(m));
  if (w.kind == WorkloadKind::decode)
    return text +
           fmt::format(
               "  plan       on 16 ranks: dp {} tp {}, {}; prompts of {} tokens, answers of {}, batch {} a replica{}\n",
               p.dp, p.tp, name_of(p.dtype), s.input.text(), s.output.text(), s.batch,
               s.ignore_eos ? ", no early end" : "");
  text += fmt::format(
      "  plan       on 16 ranks: dp {} tp {} pp {}, shard {}, {}, sequence {}, micro-batch {}, recompute {}\n", p.dp,
      p.tp, p.pp, name_of(p.shard), precision_name(p), p.sequence, p.micro_batch, name_of(p.recompute));
  return text;
}

struct Memory {
  double bytes;
  std::string of;
};

Memory memory_of(const Options& o, const Host& host, int ranks) {
  if (o.machine_memory) return {*o.machine_memory, "of one device"};
  if (o.machine) {
    const Machine machine = find_machine(*o.machine);
    return {machine.memory, "of one device of " + machine.name};
  }
  return {memory_for_rank(host, ranks), "that a rank may take here"};
}

Reply dry_run_answer(const Options& o) {
  if (o.format != Format::table)
    fail(Exit::bad_input, "--format of a --dry-run is not in this version (it prints a table) leave --format out");
  const Host host = look_at_host();
  const int ranks = o.ranks.value_or(o.scale.empty() ? ranks_of_launcher() : o.scale.back());
  const Memory memory = memory_of(o, host, ranks);
  const bool here = !o.machine && !o.machine_memory;
  const std::optional<Machine> machine = o.machine ? std::optional(find_machine(*o.machine)) : std::nullopt;
  const int places = machine ? machine->devices_per_node : std::numeric_limits<int>::max();
  std::optional<GpuKind> gpu;
  if (machine && machine->capability > 0) gpu = {.capability = machine->capability, .memory = memory.bytes};
  const Job job = resolve(o, {.ranks = ranks,
                              .ranks_on_node = std::min(ranks, places),
                              .cores = host.cores,
                              .memory = memory.bytes,
                              .cpu = here,
                              .gpu = gpu,
                              .places = places});
  if (job.workload.kind == WorkloadKind::collective)
    fail(Exit::bad_input, "--dry-run of {} (a collective has no model that could fit or not) leave it out", o.workload);
  const ParallelPlan& plan = job.largest().assignment.plan;
  if (machine) check_precision(plan, *machine);
  const DryRun run = heaviest_dry_run(job.workload, job.largest());
  const bool fits = static_cast<double>(run.memory.peak) <= memory.bytes;
  return {dry_run_text(job, run, memory.bytes, memory.of, machine), fits ? Exit::ok : Exit::unfit};
}

}  // namespace

bool answers_alone(const Options& o) { return o.command != Command::run || o.dry_run; }

Reply answer_alone(const Options& o) {
  switch (o.command) {
    case Command::help:
      return {help_text()};
    case Command::help_all:
      return {help_all_text()};
    case Command::version:
      return {version_text()};
    case Command::list:
      return {list_text()};
    case Command::describe:
      return {describe_text(o.subject)};
    case Command::doctor:
    case Command::calibrate:
      fail(Exit::bad_input, "{} is not in this version (it comes with the backends that need it) see --help",
           o.command == Command::doctor ? "doctor" : "calibrate");
    case Command::run:
      break;
  }
  return dry_run_answer(o);
}

}  // namespace scalebench
