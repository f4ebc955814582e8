// Whether a point fits in memory, asked before it takes any.
#pragma once

#include "app/dry_run.hpp"
#include "app/job.hpp"

namespace scalebench {

// Throws Error(unfit), with plans that would fit, where this rank needs more than it may take of its device and, for
// what is offloaded, of its host: bytes.
void check_fit(const Job& job, const DryRun& expected, double of_device, double of_host);

}  // namespace scalebench
