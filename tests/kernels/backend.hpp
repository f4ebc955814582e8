// The devices that the tests of the kernels run on.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "kernels/device.hpp"

namespace scalebench::test {

struct Backend {
  std::string name;
  std::function<std::unique_ptr<Device>(Witness&)> make;
  // Whether the host looks at numbers in the device's memory (ids, positions, slots) and refuses wrong ones. A GPU's
  // kernels cannot throw: they stay within bounds, and what such a number leads to is NaN or left out.
  bool host_sees_values = true;
  bool multiplies_all = true;  // all scalings and sizes of GemmScaled; else it may refuse some as bad input
};

// Each program of tests has its own: the same tests are linked with the CPU's (cpu_backends.cpp) and CUDA's
// (tests/cuda).
std::vector<Backend> backends();

}  // namespace scalebench::test
