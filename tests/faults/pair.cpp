// A stand-in for the module of CUDA + NCCL: it computes on the CPU and communicates by MPI, so that all that surrounds
// a GPU can be tried without one. The program that opens it has what it needs.
#include "app/gpu/pair.hpp"

#include <cstdlib>

#include "app/build.hpp"
#include "collectives/mpi/communicator.hpp"
#include "kernels/cpu/device.hpp"

namespace scalebench {

namespace {

class PaperPair final : public GpuPair {
 public:
  std::unique_ptr<Device> make_device(Witness& witness) override { return std::make_unique<CpuDevice>(witness, 1); }
  std::unique_ptr<Network> make_network(MpiSession& session, Witness& witness, Waiting) override {
    return std::make_unique<MpiNetwork>(session, witness, Waiting::patient);
  }
  // What FAULTS_TRANSPORT names, or else why it is unknown.
  NcclUse nccl_use() const override {
    const char* const transport = std::getenv("FAULTS_TRANSPORT");
    if (transport == nullptr) return {.unreadable = "on paper"};
    return {.transports = {transport}, .operations = {"AllReduce 1024 RING LL 2 7"}};
  }
  void be_patient(double) override {}
  double free_memory() const override { return 4e9; }
  GpuKind kind() const override { return {.capability = 90, .memory = 4e9}; }
  std::vector<std::pair<std::string, std::string>> versions() const override { return {{"paper", "1.0"}}; }
  std::vector<std::string> choices() const override { return {"attention: paper (no other is known)"}; }
};

}  // namespace

extern "C" {
[[gnu::visibility("default")]] GpuPair* scalebench_make_gpu_pair(const GpuPairSettings&) { return new PaperPair; }
// FAULTS_BUILD: of another one.
[[gnu::visibility("default")]] const char* scalebench_build() {
  const char* const other = std::getenv("FAULTS_BUILD");
  return other != nullptr ? other : kGitHash.data();
}
[[gnu::visibility("default")]] int scalebench_cuda_version() { return 12000; }
}

}  // namespace scalebench
