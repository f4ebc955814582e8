// The yardstick of reading: a kernel that does nothing else.
#pragma once

#include "base/tensor.hpp"

namespace scalebench::bench {

// B/s, of a tensor that is far larger than the caches: the best of some passes.
double read_bandwidth(const Tensor& from);

}  // namespace scalebench::bench
