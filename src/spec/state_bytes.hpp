// Bytes that a parameter takes between steps: what a form of sharding saves.
#pragma once

#include "spec/plan.hpp"

namespace scalebench {

struct StateBytes {
  double parameters{}, gradient{}, master{}, moments{};  // master: where the parameters are not fp32 themselves
  double total() const { return parameters + gradient + master + moments; }
};

// Before anything is shared out, and what a rank keeps of a parameter of its part of the model: on its device, and in
// the host's memory where the optimizer is offloaded.
StateBytes whole_state(const ParallelPlan& plan);
StateBytes state_of_rank(const ParallelPlan& plan);
StateBytes state_on_host(const ParallelPlan& plan);

}  // namespace scalebench
