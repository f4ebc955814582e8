// What a decode workload is asked: its requests, how they come, and the values that are swept.
#pragma once

#include <string>
#include <vector>

#include "app/job.hpp"

namespace scalebench {

// Arrivals and prompts that the user brings. Throws Error(bad_input).
ServingSources sources_of(const Options& options, const Workload& workload, const ModelSpec& model);

// One for each value that is swept; of --find-rate the point before its rates: one request of each replica at a time.
// Throws Error(bad_input).
std::vector<ServingPlan> serving_plans(const Options& options, const Workload& workload, const ParallelPlan& plan,
                                       const ServingSources& sources);

// The same point under an open loop, with requests enough to judge it by.
PointPlan at_rate(const Options& options, const Workload& workload, PointPlan point, double rate);

// "ttft:0.2,tpot:0.02"
std::string text_of(const std::vector<LatencyLimit>& limits);

}  // namespace scalebench
