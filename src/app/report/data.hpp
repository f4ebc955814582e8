// The result for programs: CSV with a header, or JSON lines; names and units as in the file's summary.
#pragma once

#include <string>

#include "app/measure/measurement.hpp"
#include "app/options/options.hpp"

namespace scalebench {

std::string report_data(const Measurement& measurement, Format format);

}  // namespace scalebench
