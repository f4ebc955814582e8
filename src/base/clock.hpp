// The one clock of a process: seconds, monotonic. Another one (counted, virtual) can take its place in tests and sim.
#pragma once

#include <functional>

namespace scalebench {

using Clock = std::function<double()>;

double monotonic_seconds();  // CLOCK_MONOTONIC, in s

}  // namespace scalebench
