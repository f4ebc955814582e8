// All workloads of the program, by name. A workload's file says `static const Register name{{...}};`.
#pragma once

#include <string_view>
#include <vector>

#include "workloads/workload.hpp"

namespace scalebench {

struct Register {
  explicit Register(const Workload& workload);
};

std::vector<Workload> workloads();  // sorted by name
// Throws Error(bad_input) with the nearest names.
Workload find_workload(std::string_view name);

}  // namespace scalebench
