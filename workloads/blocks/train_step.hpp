// One step of training: micro-batches forward and backward, reduction, clipping by the global norm, the update of the
// weights.
#pragma once

#include <memory>

#include "workloads/workload.hpp"

namespace scalebench {

std::unique_ptr<Step> make_train_step(World& world, const Assignment& assignment);

}  // namespace scalebench
