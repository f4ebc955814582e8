// One step on sim: what it would do and need, without doing it. Needs no MPI.
#pragma once

#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "app/job.hpp"
#include "app/options/options.hpp"
#include "base/timeline.hpp"
#include "kernels/device.hpp"
#include "spec/catalogue.hpp"

namespace scalebench {

struct DryRun {
  int stage = 0;                      // of the pipeline
  MemoryUse memory{}, host_memory{};  // of one rank, bytes: of its device, and beside that
  std::vector<MemoryItem> items{};
  double flops{};              // of matrix products and attention, one rank, one step, recomputation included
  double flops_in_products{};  // of those, multiplied as the plan's `products` says
  double wire_bytes{};         // that one rank sends through collectives
  // Of each communicator of the rank, in the order of Mesh::all(): a digest of its operations in the order of their
  // issue.
  std::vector<std::pair<Group, std::uint64_t>> orders{};
  std::deque<Span> spans{};  // one step
};

DryRun dry_run(const Workload& workload, const PointPlan& point, int rank = 0);
// Of a rank of the pipeline stage that needs the most memory.
DryRun heaviest_dry_run(const Workload& workload, const PointPlan& point);

// What a machine can't do, of what the catalogue knows of it: Error(bad_input).
void check_precision(const ParallelPlan& plan, const Machine& machine);

// What --dry-run prints: memory per rank by use, and whether it fits in `memory` bytes "of one device of h100-sxm".
std::string dry_run_text(const Job& job, const DryRun& run, double memory, const std::string& of_what,
                         const std::optional<Machine>& machine = {});

}  // namespace scalebench
