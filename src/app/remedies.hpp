// Where a plan does not fit: other plans that would, each tried by a dry run of its own.
#pragma once

#include <string>
#include <vector>

#include "app/job.hpp"

namespace scalebench {

struct Remedy {
  std::string flags{};           // to be added: "--shard parameters --recompute full"
  double bytes{}, host_bytes{};  // per rank; the host's where something is offloaded, which is not compared
};

// The first of each kind that fits in `memory` bytes a rank, on more ranks only where none does on as many.
std::vector<Remedy> remedies(const Job& job, double memory);

}  // namespace scalebench
