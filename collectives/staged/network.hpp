// Between GPUs through the memory of their hosts, over another network: slow, and for all that it can't do.
#pragma once

#include <memory>

#include "collectives/communicator.hpp"
#include "collectives/staged/pinned.hpp"

namespace scalebench {

// What MPI is given: copies in the host's memory, or, of what is only moved, the GPU's own, where MPI can read that.
// Sums are MPI's on the host in any case.
enum class GpuMemory : bool { staged, direct };

// Several ranks may share one GPU. The host does all: it waits for the GPU where a communicator waits for the compute
// lane, serving the inner network meanwhile, copies when an operation is issued, and copies back when the compute lane
// waits for the communicator.
class StagedNetwork final : public Network {
 public:
  // `inner` works on host memory.
  StagedNetwork(std::unique_ptr<Network> inner, CudaTimes& times, GpuMemory memory = GpuMemory::staged);
  ~StagedNetwork() override { times_.while_waiting({}); }
  int rank() const override { return inner_->rank(); }
  int size() const override { return inner_->size(); }
  std::unique_ptr<Communicator> make(Witness& witness, Lane& compute, Group group, const std::string& name,
                                     Overlap overlap) override;

 private:
  CudaTimes& times_;
  GpuMemory memory_;
  Witness inside_;  // of the inner communicators: what they do is part of an operation here
  PinnedPool pool_;
  std::unique_ptr<Network> inner_;
};

}  // namespace scalebench
