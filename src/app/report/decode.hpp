// The report of a decode run: latencies, throughput and how close to the machine's limit.
#pragma once

#include <string>

#include "app/job.hpp"
#include "app/measure/measurement.hpp"

namespace scalebench {

std::string report_decode(const Measurement& measurement, const Job& job);

}  // namespace scalebench
