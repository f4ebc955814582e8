// What the GPUs of a point's ranks did, gathered on rank 0.
#pragma once

#include <string>
#include <vector>

#include "app/gpu/nvml.hpp"
#include "app/measure/gpu_results.hpp"
#include "app/measure/measurement.hpp"
#include "app/measure/sampler.hpp"
#include "collectives/control.hpp"

namespace scalebench {

// Of one rank. All ranks of a point have it, or none.
struct GpuSamples {
  std::string gpu{};                   // tells it from all others of the job
  std::vector<GpuReading> readings{};  // in order of time; empty: nothing to read it by
};

// By all ranks of the point; rank 0's point gets it.
void gather_gpu(Point& point, const GpuSamples& mine, const std::vector<LocalIteration>& iterations, const Group& group,
                Control& control);

// Of all GPUs together, each counted once where ranks share it; NaN unless it is known of every one.
double energy_of_all(const std::vector<GpuFigures>& ranks, const std::vector<std::string>& gpus);

// Share of the counted iterations in which any GPU was slowed; NaN where it is known of none.
double throttled_share(const std::vector<Iteration>& iterations);

}  // namespace scalebench
