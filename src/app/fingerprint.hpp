// All that must be equal on all ranks before they work together, a line each: "name value".
#pragma once

#include <string>

#include "app/job.hpp"
#include "app/options/options.hpp"

namespace scalebench {

std::string fingerprint(const Options& options, const Job& job);
// The part of it that ranks act on before they know the rest.
std::string where_to_compute(const Options& options);

}  // namespace scalebench
