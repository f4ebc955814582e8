// From what the ranks served to DecodeResults, gathered on rank 0.
#pragma once

#include <deque>
#include <vector>

#include "app/job.hpp"
#include "app/measure/measurement.hpp"
#include "collectives/control.hpp"
#include "workloads/service.hpp"

namespace scalebench {

// What one rank brings.
struct DecodeSamples {
  int replica = 0, place = 0;   // along dp and tp
  double bandwidth = kUnknown;  // B/s that it reads
  std::vector<ServedStep> steps{};
  std::deque<Answer> answers{};
};

// By all ranks of the point; rank 0 fills in point.decode, and the step time of replicas that step by themselves. The
// point's iterations, phases and spans are there already.
void gather_decode(Point& point, const PointPlan& plan, const DecodeSamples& mine, const Group& group,
                   Control& control);

// Efficiency of throughput per rank over the first point.
void compare_decode(std::vector<Point>& points);

}  // namespace scalebench
