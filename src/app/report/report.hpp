// What a person reads at the end: at most a screen, each figure beside its limit.
#pragma once

#include <string>

#include "app/job.hpp"
#include "app/measure/measurement.hpp"
#include "app/options/options.hpp"

namespace scalebench {

// Stdout: the result, as --format says.
std::string report(const Measurement& measurement, const Job& job, Format format);

// The line that says what held the run back most, or why it is no reference.
std::string verdict(const Point& point, int cores);

}  // namespace scalebench
