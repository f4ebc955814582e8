// Serves the requests of a decode workload on one rank of a point: the clock that the ranks of a replica agree on, the
// loop over steps, and the end.
#pragma once

#include <functional>
#include <string>

#include "app/backend.hpp"
#include "app/crew.hpp"
#include "spec/serving.hpp"

namespace scalebench {

struct ServeSettings {
  Group group{};  // of the point
  Arrivals arrivals = Arrivals::closed;
  int point = 0;
  double max_seconds = 60;    // then no request is sent any more
  std::string label{};        // for progress
  std::int64_t requests = 0;  // of this replica
};

struct Served {
  std::string stop_reason{};  // requests (all are answered), max_seconds, stopped
};

// By all ranks of the point, after the step's prepare_serving().
Served serve(Backend& backend, Step& step, Crew& crew, const ServeSettings& settings);

}  // namespace scalebench
