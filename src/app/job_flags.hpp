// Flags that mean nothing to a kind of workload are errors there: nobody shall believe that they did something.
#pragma once

#include "app/options/options.hpp"
#include "workloads/workload.hpp"

namespace scalebench {

// Throws Error(bad_input).
void refuse_flags_of_others(const Options& options, WorkloadKind kind);

}  // namespace scalebench
