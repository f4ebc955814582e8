// What the command line and the result file call a dtype of states, weights or caches.
#pragma once

#include <string_view>

#include "base/dtype.hpp"

namespace scalebench {

constexpr std::string_view flag_name(DType dtype) { return dtype == DType::e4m3 ? "fp8" : name_of(dtype); }

}  // namespace scalebench
