// Options whose value is a list.
#pragma once

#include <vector>

#include "app/options/values.hpp"
#include "spec/serving.hpp"

namespace scalebench {

// All throw Error(bad_input). Rising: each value is larger than the one before.
std::vector<int> rising_list(const Given& given, int most);         // from 1
std::vector<double> rising_rates(const Given& given, double most);  // 1/s, above 0
std::vector<LatencyLimit> limits_in(const Given& given);            // "ttft:200ms,tpot:20ms", each metric once

}  // namespace scalebench
