// What can be answered without starting MPI: help, lists, the dry run.
#pragma once

#include <string>

#include "app/options/options.hpp"
#include "base/check.hpp"

namespace scalebench {

struct Reply {
  std::string text{};
  Exit exit = Exit::ok;
};

bool answers_alone(const Options& options);
Reply answer_alone(const Options& options);

}  // namespace scalebench
