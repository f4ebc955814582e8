// What must hold between options, whatever each one is.
#pragma once

#include <vector>

#include "app/options/options.hpp"
#include "app/options/values.hpp"

namespace scalebench {

// Defaults that depend on other options; then throws Error(bad_input) where options contradict each other.
void settle(Options& options, const std::vector<Given>& given);

}  // namespace scalebench
