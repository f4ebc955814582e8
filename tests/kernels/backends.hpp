// The devices that every test of the kernels runs on; another program of tests brings its own (tests/cuda).
#pragma once

#ifdef SCALEBENCH_TESTED_BACKENDS
#include SCALEBENCH_TESTED_BACKENDS
#else
#include "kernels/cpu/device.hpp"
#include "tests/kernels/backend.hpp"

namespace scalebench::test {

inline std::vector<Backend> backends() {
  return {{"cpu, 1 thread", [](Witness& witness) { return std::make_unique<CpuDevice>(witness, 1); }},
          {"cpu, 3 threads", [](Witness& witness) { return std::make_unique<CpuDevice>(witness, 3); }}};
}

}  // namespace scalebench::test
#endif
