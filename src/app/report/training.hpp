// The screen of a training run.
#pragma once

#include <string>

#include "app/job.hpp"
#include "app/measure/measurement.hpp"

namespace scalebench {

std::string report_training(const Measurement& measurement, const Job& job);

}  // namespace scalebench
