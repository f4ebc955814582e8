// From the samples of all ranks to a Point: gathered on rank 0, summarised as metrics.md says.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "app/dry_run.hpp"
#include "app/job.hpp"
#include "app/measure/decode_summary.hpp"
#include "app/measure/gpu_summary.hpp"
#include "app/measure/measurement.hpp"
#include "app/measure/sampler.hpp"
#include "collectives/control.hpp"

namespace scalebench {

// What one rank brings.
struct PointSamples {
  Group group{};
  DryRun expected{};
  double peak = kUnknown, peak_of_products = kUnknown;                      // FLOP/s
  double peak_datasheet = kUnknown, peak_of_products_datasheet = kUnknown;  // FLOP/s
  std::string stop_reason{};
  std::vector<LocalIteration> iterations{};
  std::vector<StepValues> values{};
  std::vector<SpanRow> spans{};  // of the last marked iteration
  double memory_peak = kUnknown, memory_allocated = kUnknown, host_memory = 0;
  double wrong = kUnknown, bus_factor = kUnknown;
  DecodeSamples decode{};
  std::optional<GpuSamples> gpu{};  // where it computes on GPUs
};

// By all ranks of the point; rank 0 gets it.
Point gather_point(const Job& job, std::size_t index, const PointSamples& mine, Control& control);

// Speed-up and efficiency of each point over the first, once all are there.
void compare_points(std::vector<Point>& points, ScalingKind scaling);

}  // namespace scalebench
