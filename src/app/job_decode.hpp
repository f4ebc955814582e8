// The points of a decode workload: plan, requests, and how they come, for each value that is swept.
#pragma once

#include <vector>

#include "app/job.hpp"

namespace scalebench {

// Throws Error(bad_input).
std::vector<PointPlan> decode_points(const Options& options, const Workload& workload, const ModelSpec& model,
                                     const Surroundings& surroundings, const std::vector<int>& scale);

// The first rung whose largest step stays within the budget and that fits in the memory of a rank, at every point; with
// --shrink FILE.h5 the one stored there. Throws Error(bad_input or unfit).
Rung decode_rung(const Options& options, const Workload& workload, const std::vector<PointPlan>& points,
                 const Surroundings& surroundings);

// Once the model has its size: plans and lengths that it can't have, a cache too small for one request.
void validate_decode(const PointPlan& point);

}  // namespace scalebench
