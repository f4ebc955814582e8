// A workload says which model, which parallel plan, which step. One file each; it registers itself.
#pragma once

#include <cmath>
#include <cstdint>
#include <limits>
#include <memory>
#include <string_view>
#include <vector>

#include "base/check.hpp"
#include "collectives/mesh.hpp"
#include "kernels/device.hpp"
#include "spec/model.hpp"
#include "spec/plan.hpp"
#include "workloads/service.hpp"
#include "workloads/sources.hpp"

namespace scalebench {

// What a step runs on: one rank's device and its part of the mesh.
struct World {
  Witness& witness;
  Device& device;
  Mesh& mesh;
};

// For collectives: one message size.
struct Transfer {
  std::int64_t bytes{};  // S of metrics.md
  bool in_place{};
  DType dtype = DType::f32;
  Reduction reduction = Reduction::sum;
  bool check = true;
};

struct Assignment {
  ModelSpec model{};
  ParallelPlan plan{};
  std::uint64_t seed = 0;
  std::shared_ptr<const ParameterSource> weights{};  // null: N(0, 0.02)
  std::shared_ptr<const TokenRows> tokens{};         // null: the synthetic language
  Transfer transfer{};
  ServingPlan serving{};
  ServingSources sources{};
  // Tests: tokens as sim draws them, whatever the device computed.
  bool takes_draws_of_sim = false;
};

// What one iteration came to; NaN where it is not known (on sim nothing is).
struct StepValues {
  std::int64_t iteration{};
  double loss = std::numeric_limits<double>::quiet_NaN();
  double gradient_norm = std::numeric_limits<double>::quiet_NaN();
  double loss_scale = std::numeric_limits<double>::quiet_NaN();  // only of fp16
  // The gradients overflowed, and nothing was updated.
  bool skipped() const { return loss_scale > 0 && !std::isfinite(gradient_norm); }
};

// What the first step computes before it updates anything, to be compared with other frameworks.
struct FirstStep {
  // Numbers, within the step, of those whose logits this rank has: none on a stage without the head.
  std::vector<std::int64_t> sequences{};
  std::vector<double> tokens{};    // [sequences, T + 1]
  std::vector<double> logits{};    // [sequences, T, V]
  double loss{}, gradient_norm{};  // of all ranks, before clipping
};

// The thing that is repeated and timed.
class Step {
 public:
  virtual ~Step() = default;
  virtual void run(std::int64_t iteration) = 0;
  // Before each block of iterations: brings together ranks that come from elsewhere, where a step is too short to hide
  // how far apart they come.
  virtual void gather_ranks() {}
  // The values that have come back since the last call; with `all`, the last iteration's too (the host waits).
  virtual std::vector<StepValues> values(bool /*all*/) { return {}; }
  // Elements that are not what they must be, after the last run; collectives only.
  virtual double wrong() { return std::numeric_limits<double>::quiet_NaN(); }
  // Bandwidth factor of a collective.
  virtual double bus_factor() const { return std::numeric_limits<double>::quiet_NaN(); }
  // Puts a NaN into the parameters: how tests make a run fail that must fail.
  virtual void corrupt() {}
  // From now on a bit of each result on this rank is wrong, as by faulty memory: how tests try the data check.
  virtual void flip() {
    fail(Exit::bad_input, "--inject flip (only collectives check every bit of their results) use nan for training");
  }
  // Computes the first step without its update; before any run(). Collective, as is gradients() after it.
  virtual FirstStep first_step() { return {}; }
  // For tests and dumps: the whole gradient of each unit of the last step, flat; collective over the mesh.
  virtual std::vector<std::vector<double>> gradients() { return {}; }
  // Of decode; else null.
  virtual Service* service() { return nullptr; }
};

enum class WorkloadKind : std::uint8_t { training, collective, decode };

struct Workload {
  std::string_view name;
  std::string_view summary;
  WorkloadKind kind = WorkloadKind::training;
  std::string_view model = "";
  ParallelPlan (*plan)(int ranks, int ranks_per_node) = nullptr;
  std::unique_ptr<Step> (*prepare)(World&, const Assignment&) = nullptr;
  ServingPlan serving{};  // of decode, as far as it does not depend on the ranks
};

}  // namespace scalebench
