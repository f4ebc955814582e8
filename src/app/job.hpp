// From what the user said and where it runs to what will be done: model, rung, and a plan for every point.
#pragma once

#include <limits>
#include <optional>
#include <string>
#include <vector>

#include "app/options/options.hpp"
#include "kernels/workspace.hpp"
#include "spec/shrink.hpp"
#include "workloads/workload.hpp"

namespace scalebench {

// Where a job runs; the same on all ranks.
struct Surroundings {
  int ranks = 1;
  int ranks_on_node = 1;                         // launched there
  int cores = 1;                                 // of a node
  double memory = 0;                             // bytes that one rank may take, the least over the ranks
  bool cpu = true;                               // the device is the CPU
  std::optional<GpuKind> gpu{};                  // the kind of the GPU, where it is one, and known
  int places = std::numeric_limits<int>::max();  // of ranks on a node, where that is known
};

struct PointPlan {
  int ranks = 1;
  Assignment assignment{};
  std::optional<GpuKind> gpu{};  // whose libraries' workspaces its dry run counts
};

struct Job {
  Workload workload{};
  Rung rung{};           // what is run: the full model where rung.name is empty
  std::string shrunk{};  // "" or what was done to the model, for every output
  ScalingKind scaling = ScalingKind::none;
  int threads = 1;                               // per rank, the same at all points
  int places = std::numeric_limits<int>::max();  // of ranks on a node
  std::vector<PointPlan> points{};               // ranks not falling
  const PointPlan& largest() const { return points.back(); }
};

// Throws Error(bad_input or unfit).
Job resolve(const Options& options, const Surroundings& surroundings);

}  // namespace scalebench
