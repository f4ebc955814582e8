// The split of a marked step into metrics.md's parts, from the spans of one rank.
#pragma once

#include <vector>

#include "app/measure/measurement.hpp"
#include "base/lane.hpp"
#include "base/timeline.hpp"

namespace scalebench {

// What the split needs of one span. Communication: `last_arrival` is when the last rank of its group came to it, and
// `last_of_stage` the last one of this rank's stage of the pipeline: behind it, the others are waited for.
struct Work {
  Part part{};
  double issued{}, launched{}, start{}, end{};
  double last_arrival = kUnknown, last_of_stage = kUnknown;  // equal without a pipeline
};

// Where intervals overlap, the first of optimizer > input > compute > imbalance > bubble > exposed > host counts, so
// that the parts and `residue` add up to end - begin. interference is 0 here: see charge_interference().
Phases split_step(const std::vector<Work>& works, double begin, double end);

// compute becomes the muted step's, the difference is interference (signed).
void charge_interference(Phases& phases, double muted_compute);

}  // namespace scalebench
