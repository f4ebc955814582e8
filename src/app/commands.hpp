// What can be answered without starting MPI: help, lists, the dry run.
#pragma once

#include <string>

#include "app/options/options.hpp"
#include "base/check.hpp"

namespace scalebench {

struct Answer {
  std::string text{};
  Exit exit = Exit::ok;
};

bool answers_alone(const Options& options);
Answer answer_alone(const Options& options);

}  // namespace scalebench
