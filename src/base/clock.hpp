// The one clock of a process: seconds, monotonic. Another one (counted, virtual) can take its place in tests and sim.
#pragma once

#include <functional>

namespace scalebench {

using Clock = std::function<double()>;

double monotonic_seconds();  // CLOCK_MONOTONIC, in s

// What a service goes by: the time on which the ranks of a replica agree (all of them ask together), and waiting for
// one.
struct AgreedClock {
  Clock now{};
  std::function<void(double)> wait_until{};
};

}  // namespace scalebench
