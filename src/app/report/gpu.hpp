// The line of the report on what the GPUs did beside the steps.
#pragma once

#include <string>

#include "app/measure/measurement.hpp"

namespace scalebench {

// "412 J a step, ..."; "" where nothing is known.
std::string gpu_text(const Point& point);

}  // namespace scalebench
