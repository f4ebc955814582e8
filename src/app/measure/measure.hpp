// Measures one point: warm-up, counted iterations until the stopping rule is content, then marked and muted ones.
#pragma once

#include <functional>

#include "app/backend.hpp"
#include "app/crew.hpp"
#include "app/host.hpp"
#include "app/job.hpp"
#include "app/measure/measurement.hpp"
#include "app/measure/stopping.hpp"

namespace scalebench {

struct MeasureSettings {
  StoppingRule stopping{};
  WarmupRule warmup{};
  double timeout = 0;  // s of a step; 0: max(60, 20 x median)
  int cores = 1;       // of a node
  OpenBackend open = make_cpu_backend;
  // Bytes that this rank may take now, as one of a point's `ranks`.
  std::function<double(int ranks)> memory = [](int ranks) { return memory_for_rank(look_at_host(), ranks); };
  std::string label{};  // for progress: "[1/3] fsdp70b, 2 ranks"
  // Called by the ranks of the point, before the first iteration.
  std::function<void(Step&, const PointPlan&)> look_at_step{};
};

// Called by all ranks of the world; those that don't take part sleep. Rank 0 gets the point.
// Throws AgreedError on all ranks alike, or another Error on the rank that it struck.
// `before_first`: called by all ranks once nothing can be refused any more, before the first iteration.
Point measure_point(const Job& job, std::size_t index, const MeasureSettings& settings, Crew& crew,
                    const std::function<void()>& before_first);

}  // namespace scalebench
