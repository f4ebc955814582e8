// CUDA's device, on the stand-in for CUDA or on the machine's own first GPU, as the program is linked.
#include "base/cuda/times.hpp"
#include "kernels/cuda/device.hpp"
#include "tests/kernels/backend.hpp"

namespace scalebench::test {

std::vector<Backend> backends() {
  static CudaTimes times(monotonic_seconds);
  return {{.name = "cuda",
           .make = [](Witness& witness) { return make_cuda_device(witness, times, Graphs::yes); },
           .host_sees_values = false,
           .multiplies_all = false}};
}

}  // namespace scalebench::test
