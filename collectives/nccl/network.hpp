// The network of GPUs that NCCL connects. MPI brings their ranks together.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <tuple>
#include <vector>

#include "base/cuda/times.hpp"
#include "collectives/communicator.hpp"
#include "collectives/mpi/session.hpp"
#include "collectives/nccl/communicator.hpp"
#include "collectives/nccl/handle.hpp"
#include "collectives/nccl/memory.hpp"

namespace scalebench {

// Must outlive the communicators that it makes, and the CUDA lanes that wait for them must have its `times`: whenever
// the host waits for the GPU, the network is looked at. Where a rank is lost, or an operation has not ended after
// `limit` seconds of waiting, all communicators are aborted and the wait throws Error (peer_lost, timeout).
class NcclNetwork final : public Network, private NcclRoll {
 public:
  // `memory`: of the device, which outlives it; null: nothing is registered.
  NcclNetwork(MpiSession& session, CudaTimes& times, double limit, NcclMemory* memory = nullptr);
  ~NcclNetwork() override;
  int rank() const override { return session_.rank(); }
  int size() const override { return session_.size(); }
  // `compute` is the lane of a CUDA device.
  std::unique_ptr<Communicator> make(Witness& witness, Lane& compute, Group group, const std::string& name,
                                     Overlap overlap) override;
  // Throws where operations under way will never end, or should have ended after that many seconds.
  void look(double waited);

 private:
  void enrol(NcclCommunicator& communicator) override { communicators_.push_back(&communicator); }
  void dismiss(NcclCommunicator& communicator) override { std::erase(communicators_, &communicator); }
  std::unique_ptr<NcclHandle> connect(const Group& group, const std::string& name, Overlap overlap);
  std::unique_ptr<NcclRegistrations> registrations_for(NcclHandle& handle, const Group& group);
  [[noreturn]] void give_up(Exit exit, const std::string& what, const std::string& cause);
  void abort_all();

  MpiSession& session_;
  CudaTimes& times_;
  double limit_;  // s
  NcclMemory* memory_;
  std::string me_;
  std::map<std::tuple<int, int, int>, std::unique_ptr<NcclHandle>> roots_{};  // by group
  std::vector<NcclCommunicator*> communicators_{};
};

}  // namespace scalebench
