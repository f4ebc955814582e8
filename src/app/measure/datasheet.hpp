// The dense peaks that a GPU's datasheet gives it.
#pragma once

#include <string_view>
#include <utility>

#include "spec/plan.hpp"

namespace scalebench {

// FLOP/s of what the plan's tensors are stored in, and of its products where those multiply in fewer bits; NaN where
// `device`, as its driver calls it, is not in the catalogue, or not with this precision.
std::pair<double, double> peaks_of_datasheet(std::string_view device, const ParallelPlan& plan);

}  // namespace scalebench
