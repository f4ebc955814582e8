// The module's functions.
#include <optional>

#include <cublasLt.h>
#include <cuda_runtime.h>
#include <fmt/format.h>
#include <nccl.h>

#include "app/build.hpp"
#include "app/gpu/pair.hpp"
#include "base/check.hpp"
#include "base/cuda/check.hpp"
#include "base/cuda/times.hpp"
#include "collectives/mpi/communicator.hpp"
#include "collectives/nccl/log.hpp"
#include "collectives/nccl/memory.hpp"
#include "collectives/nccl/network.hpp"
#include "collectives/nccl/profiler.hpp"
#include "collectives/staged/network.hpp"
#include "kernels/cuda/choices.hpp"
#include "kernels/cuda/device.hpp"

namespace scalebench {

namespace {

// s that connecting may take, and the host waits for the GPU where nobody knows what is normal (be_patient()).
constexpr double kNcclLimit = 900;

// The first call that needs the GPU itself: here it shows whether it may be used.
void take_gpu(int gpu) {
  check_cuda(cudaSetDevice(gpu), "cudaSetDevice");
  const cudaError_t status = cudaFree(nullptr);
  if (status == cudaErrorDevicesUnavailable)
    fail(Exit::unfit,
         "GPU {} cannot be had (another process holds it, and it is in exclusive mode, or it is prohibited) see "
         "'nvidia-smi -q -d COMPUTE'",
         gpu);
  check_cuda(status, "the GPU's first call");
}

std::string dotted(std::size_t version, std::size_t minor_base) {
  return fmt::format("{}.{}.{}", version / (minor_base * minor_base), version / minor_base % minor_base,
                     version % minor_base);
}

class CudaPair final : public GpuPair {
 public:
  explicit CudaPair(const GpuPairSettings& settings) : over_mpi_(settings.over_mpi) {
    take_gpu(settings.gpu);
    times_ = std::make_unique<CudaTimes>(monotonic_seconds);
  }

  std::unique_ptr<Device> make_device(Witness& witness) override {
    return make_cuda_device(witness, *times_, over_mpi_ ? Graphs::no : Graphs::yes, over_mpi_ ? nullptr : &memory_);
  }
  std::unique_ptr<Network> make_network(MpiSession& session, Witness& witness, Waiting waiting) override {
    if (over_mpi_)
      return std::make_unique<StagedNetwork>(std::make_unique<MpiNetwork>(session, witness, waiting), *times_,
                                             MpiSession::takes_gpu_memory() ? GpuMemory::direct : GpuMemory::staged);
    listen();
    return std::make_unique<NcclNetwork>(session, *times_, kNcclLimit, &memory_);
  }
  NcclUse nccl_use() const override {
    if (!log_) return {};
    return {transports_in(log_->text()), log_->unreadable(), nccl_operations(), memory_.registered()};
  }
  void be_patient(double seconds) override { times_->be_patient(seconds); }
  double free_memory() const override {
    std::size_t free = 0, total = 0;
    check_cuda(cudaMemGetInfo(&free, &total), "cudaMemGetInfo");
    return static_cast<double>(free);
  }
  GpuKind kind() const override {
    int gpu = 0, major = 0, minor = 0;
    check_cuda(cudaGetDevice(&gpu), "cudaGetDevice");
    check_cuda(cudaDeviceGetAttribute(&major, cudaDevAttrComputeCapabilityMajor, gpu), "cudaDeviceGetAttribute");
    check_cuda(cudaDeviceGetAttribute(&minor, cudaDevAttrComputeCapabilityMinor, gpu), "cudaDeviceGetAttribute");
    std::size_t free = 0, total = 0;
    check_cuda(cudaMemGetInfo(&free, &total), "cudaMemGetInfo");
    return {.capability = 10 * major + minor, .memory = static_cast<double>(total)};
  }
  std::vector<std::pair<std::string, std::string>> versions() const override {
    int runtime = 0, driver = 0, nccl = 0;
    check_cuda(cudaRuntimeGetVersion(&runtime), "cudaRuntimeGetVersion");
    check_cuda(cudaDriverGetVersion(&driver), "cudaDriverGetVersion");
    ncclGetVersion(&nccl);
    const auto cuda = [](int v) { return fmt::format("{}.{}", v / 1000, v % 1000 / 10); };
    std::vector<std::pair<std::string, std::string>> all{{"cuda_runtime", cuda(runtime)},
                                                         {"cuda_driver", cuda(driver)},
                                                         {"cublaslt", dotted(cublasLtGetVersion(), 100)},
                                                         {"nccl", dotted(static_cast<std::size_t>(nccl), 100)}};
    if (over_mpi_) all.emplace_back("mpi_gpu_memory", MpiSession::takes_gpu_memory() ? "direct" : "staged");
    return all;
  }
  std::vector<std::string> choices() const override { return cuda::choices(); }

 private:
  // Not before: what it sets for NCCL are no settings of the user's, which the result's file holds.
  void listen() {
    if (!log_) log_.emplace(), offer_nccl_profiler();
  }

  bool over_mpi_;
  std::unique_ptr<CudaTimes> times_{};
  NcclMemory memory_{};
  std::optional<NcclLog> log_{};
};

}  // namespace

extern "C" {
[[gnu::visibility("default")]] GpuPair* scalebench_make_gpu_pair(const GpuPairSettings& settings) {
  return new CudaPair(settings);
}
[[gnu::visibility("default")]] const char* scalebench_build() { return kGitHash.data(); }
[[gnu::visibility("default")]] int scalebench_cuda_version() { return CUDART_VERSION; }
}

}  // namespace scalebench
