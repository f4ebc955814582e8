// From readings of a GPU's sensors to figures of the iterations beside them.
#pragma once

#include <span>

#include "app/gpu/nvml.hpp"
#include "app/measure/gpu_results.hpp"

namespace scalebench {

// Of the counter of energy, s: it moves each 20 to 100 ms, so that a shorter window would be off by more than 5 %.
inline constexpr double kLeastEnergyWindow = 2;

// 1 where a reading of the iteration shows reasons that slow the GPU, else 0; NaN: unknown. An iteration that no
// reading falls into has those around it.
double throttled(std::span<const GpuReading> readings, double begin, double end);

// Of `steps` iterations that lie in [begin, end]; the energy between the readings next to its ends.
GpuFigures figures_of(std::span<const GpuReading> readings, double begin, double end, std::size_t steps);

}  // namespace scalebench
