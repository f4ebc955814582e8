// The devices that every test of the kernels runs on. Another backend joins by one line here.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "kernels/cpu/device.hpp"

namespace scalebench::test {

struct Backend {
  std::string name;
  std::function<std::unique_ptr<Device>(Witness&)> make;
};

inline std::vector<Backend> backends() {
  return {{"cpu, 1 thread", [](Witness& witness) { return std::make_unique<CpuDevice>(witness, 1); }},
          {"cpu, 3 threads", [](Witness& witness) { return std::make_unique<CpuDevice>(witness, 3); }}};
}

}  // namespace scalebench::test
