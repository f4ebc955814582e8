// Names of a step's operations with the shapes that a span doesn't keep.
#pragma once

#include <string>
#include <vector>

#include "workloads/workload.hpp"

namespace scalebench::bench {

// One an operation of the compute lane, in the order of the step; on a device that computes nothing.
std::vector<std::string> labels_of_step(const Assignment& assignment);

}  // namespace scalebench::bench
