#include "kernels/cpu/device.hpp"
#include "tests/kernels/backend.hpp"

namespace scalebench::test {

std::vector<Backend> backends() {
  return {{"cpu, 1 thread", [](Witness& witness) { return std::make_unique<CpuDevice>(witness, 1); }},
          {"cpu, 3 threads", [](Witness& witness) { return std::make_unique<CpuDevice>(witness, 3); }}};
}

}  // namespace scalebench::test
