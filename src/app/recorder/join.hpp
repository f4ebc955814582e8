// Adding the points of a run to those of a file.
#pragma once

#include <string>

#include "app/measure/measurement.hpp"

namespace scalebench {

// Why the points of `added` don't belong in the file of `found`: the first thing that differs, and the flag that sets
// it;
// "" if they do. What follows from the number of ranks may differ.
std::string first_difference(const Measurement& found, const Measurement& added);

// `added` as it is stored behind the points of `found`: speed-up and efficiency over the baseline of `found`, and the
// commands of both.
Measurement joined(const Measurement& found, Measurement added);

}  // namespace scalebench
