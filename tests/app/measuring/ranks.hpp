// What measuring a point on the ranks of a test needs besides a world: the crew, and a job of one point.
#pragma once

#include <algorithm>
#include <string>
#include <vector>

#include "app/dry_run.hpp"
#include "app/measure/measure.hpp"
#include "collectives/control/mpi_control.hpp"
#include "tests/main_mpi.hpp"
#include "workloads/registry.hpp"

namespace scalebench::test {

struct Ranks {
  MpiSession& session = test_session();
  MpiControl control{session};
  Board board{session};
  Signals signals{};
  ProgressLine progress{false, false};
  Watchdog watchdog{board, session, "measuring_test"};
  ClockOffset offset{};

  bool first() const { return control.rank() == 0; }

  // Rank 0 gets the point. `faults`: as of --inject.
  Point measure(const Workload& workload, const Assignment& assignment, const MeasureSettings& settings,
                const std::vector<std::string>& faults = {}, const Injection::Sleep& sleep = {}) {
    Job job;
    job.workload = workload;
    job.points = {{.ranks = control.size(), .assignment = assignment}};
    Injection injection(faults, control.rank(), sleep);
    Crew crew{session, control, watchdog, signals, injection, progress, offset};
    return measure_point(job, 0, settings, crew, [] {});
  }
};

inline double part(const Phases& phases, Phase phase) { return phases[static_cast<std::size_t>(phase)]; }

inline std::vector<const Iteration*> iterations_of(const Point& point, IterationKind kind) {
  std::vector<const Iteration*> found;
  for (const Iteration& i : point.iterations)
    if (i.kind == kind) found.push_back(&i);
  return found;
}

inline int collectives_of(const Workload& workload, const Assignment& assignment, int ranks) {
  const DryRun run = dry_run(workload, {.ranks = ranks, .assignment = assignment});
  return static_cast<int>(std::count_if(run.spans.begin(), run.spans.end(),
                                        [](const Span& span) { return span.part == Part::communication; }));
}

}  // namespace scalebench::test
