// Before anything else: each rank takes a GPU of its own. Where there are fewer, the program says so and leaves; ctest
// counts it as skipped.
#include <cstdio>
#include <cstdlib>

#include <cuda_runtime.h>

namespace {

int number_in(const char* name) {
  const char* const text = std::getenv(name);
  return text == nullptr ? 0 : std::atoi(text);
}

const bool taken = [] {
  int gpus = 0;
  const bool any = cudaGetDeviceCount(&gpus) == cudaSuccess && gpus > 0;
  const int rank = number_in("OMPI_COMM_WORLD_LOCAL_RANK"), ranks = number_in("OMPI_COMM_WORLD_LOCAL_SIZE");
  if (any && ranks <= gpus && cudaSetDevice(rank) == cudaSuccess) return true;
  std::puts("too few GPUs here: skipped");
  std::fflush(stdout);
  std::_Exit(77);
}();

}  // namespace
