// The table of a collective, with nccl-tests' columns.
#pragma once

#include <string>

#include "app/measure/measurement.hpp"

namespace scalebench {

std::string report_collective(const Measurement& measurement);

}  // namespace scalebench
