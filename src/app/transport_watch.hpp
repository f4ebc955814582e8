// Looks at what carries the collectives behind each point: NCCL connects GPUs when they first need it.
#pragma once

#include <optional>
#include <set>
#include <string>

#include "app/crew.hpp"
#include "app/measure/measurement.hpp"
#include "app/options/options.hpp"

namespace scalebench {

class TransportWatch {
 public:
  explicit TransportWatch(const Options& options) : wanted_(options.require_transport) {}

  // By all ranks, behind a point of so many: into the measurement, and on rank 0 a warning, once. An error, the same on
  // all ranks, where --require-transport is not followed.
  std::optional<Error> follow(int ranks, Crew& crew, Measurement& measurement);

 private:
  std::optional<std::string> wanted_;
  std::set<std::string> said_{};
};

}  // namespace scalebench
