// The plans that cuDNN makes for attention, for each architecture, without a GPU (see driver.c): that there is one, and
// that its workspace is not larger than was planned with.
#include <cstdio>
#include <string>

#include "kernels/cuda/attention_cudnn.hpp"
#include "kernels/workspace.hpp"

namespace {

using scalebench::cuda::CudnnAttention;
using scalebench::cuda::CudnnShape;
using scalebench::cuda::PaperGpu;

constexpr std::int64_t kSequences = 2, kHeads = 32, kKvHeads = 8, kMiB = 1 << 20;

// An H100, but for the version and the shared memory that goes with it. All keys are needed.
PaperGpu paper_gpu(int version) {
  std::string json = R"({"maxGridSize":[2147483647,65535,65535],"maxBlockSize":[1024,1024,64],"regsPerBlock":65536,
    "multiProcessorCount":132,"warpSize":32,"maxSharedMemoryPerBlock":49152,"maxSharedMemoryPerBlockOptin":SHARED,
    "reservedSharedMemoryPerBlock":1024,"maxRegistersPerSM":65536,"maxCtasPerSM":32,"maxThreadsPerBlock":1024,
    "maxThreadsPerSM":2048,"pciDeviceId":0,"isTccDriver":0,"supportCoopLaunch":1,"totalGlobalMem":85899345920,
    "smClockRateKHz":1980000,"memClockRateKHz":2619000,"l2CacheSize":52428800,"cudaDeviceId":0,"deviceVer":VERSION,
    "driverVer":13000,"deviceName":"paper"})";
  const auto replace = [&](const std::string& what, int by) {
    json.replace(json.find(what), what.size(), std::to_string(by));
  };
  // KB that a block may ask for (CUDA programming guide, compute capabilities).
  replace("SHARED", (version == 890 || version == 1200 ? 99 : version == 800 ? 163 : 227) * 1024);
  replace("VERSION", version);
  return {version, json};
}

// Queries, keys and values of a row beside each other, as the product before attention leaves them.
CudnnShape shape_of(bool backward, std::int64_t length, std::int64_t size, std::int64_t window) {
  const CudnnShape::Strides fused{(kHeads + 2 * kKvHeads) * size, size}, of_heads{kHeads * size, size};
  CudnnShape shape;
  shape.backward = backward, shape.window = window, shape.scale = 0.125;
  shape.sequences = kSequences, shape.length = length, shape.heads = kHeads, shape.kv_heads = kKvHeads;
  shape.size = size, shape.query = shape.key = shape.value = fused, shape.output = of_heads;
  if (backward) shape.d_output = of_heads, shape.d_query = shape.d_key = shape.d_value = fused;
  return shape;
}

std::int64_t most(const CudnnShape& shape, int version) {
  return scalebench::workspace_of({.backward = shape.backward,
                                   .sequences = shape.sequences,
                                   .length = shape.length,
                                   .heads = shape.heads,
                                   .size = shape.size},
                                  version / 10);
}

bool suits(CudnnAttention& cudnn, int version, const CudnnShape& shape) {
  const std::string why = cudnn.refusal(shape);
  const auto bytes = static_cast<std::int64_t>(cudnn.workspace(shape));
  std::printf("%4d %s, %ld x %ld, head size %ld, window %ld: ", version, shape.backward ? "backward" : "forward",
              shape.sequences, shape.length, shape.size, shape.window);
  if (!why.empty()) return std::printf("no plan (%s)\n", why.c_str()), false;
  const std::int64_t allowed = most(shape, version);
  std::printf("%.3f MiB%s\n", static_cast<double>(bytes) / kMiB, bytes > allowed ? ", more than planned with" : "");
  return bytes <= allowed;
}

}  // namespace

int main() {
  bool all = true;
  for (const int version : {800, 890, 900, 1000, 1200}) {
    CudnnAttention cudnn(paper_gpu(version));
    for (const std::int64_t size : {64, 128}) {
      for (const std::int64_t length : {4096, 1000}) {
        all = suits(cudnn, version, shape_of(false, length, size, 0)) && all;
        all = suits(cudnn, version, shape_of(true, length, size, 0)) && all;
      }
      for (const bool backward : {false, true})
        all = suits(cudnn, version, shape_of(backward, 4096, size, 1024)) && all;
    }
  }
  return all ? 0 : 1;
}
