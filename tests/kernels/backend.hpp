// A device that the tests of the kernels run on.
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
};

}  // namespace scalebench::test
