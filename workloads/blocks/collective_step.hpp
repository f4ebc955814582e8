// One call of a collective at one message size, on inputs whose result is exactly predictable.
#pragma once

#include <memory>

#include "workloads/workload.hpp"

namespace scalebench {

std::unique_ptr<Step> make_all_reduce_step(World& world, const Assignment& assignment);

}  // namespace scalebench
