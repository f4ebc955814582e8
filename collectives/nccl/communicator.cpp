#include "collectives/nccl/communicator.hpp"

#include <algorithm>
#include <exception>
#include <utility>

#include "base/cuda/check.hpp"

namespace scalebench {

NcclCommunicator::NcclCommunicator(NcclRoll& roll, Witness& witness, CudaTimes& times, Group group, int rank,
                                   const std::string& name, std::unique_ptr<NcclHandle> handle, CudaLane* in_order_with)
    : ImplementedBy<NcclCommunicator, Communicator>(witness, group, rank),
      roll_(roll),
      compute_(in_order_with),
      lane_(witness, LaneKind::communication, name, times),
      handle_(std::move(handle)) {
  if (compute_ != nullptr)
    check_cuda(cudaEventCreateWithFlags(&border_, cudaEventDisableTiming), "cudaEventCreateWithFlags");
  roll_.enrol(*this);
}

// What is under way must end first: NCCL counts on it.
NcclCommunicator::~NcclCommunicator() {
  if (std::uncaught_exceptions() > 0) handle_->abort();
  cudaStreamSynchronize(lane_.stream());
  roll_.dismiss(*this);
  if (border_ != nullptr) cudaEventDestroy(border_);
}

std::optional<IssuedCollective> NcclCommunicator::unfinished() const {
  const std::uint64_t oldest = issued_ >= kRecent ? issued_ - kRecent + 1 : 1;
  for (std::uint64_t number = oldest; number <= issued_; ++number)
    if (!lane_.has_come(recent_[number % kRecent].mark)) return recent_[number % kRecent];
  return std::nullopt;
}

// Neither is a wait that a workload asked for: the witness must not count on it.
void NcclCommunicator::begin_after_compute() {
  if (compute_ == nullptr) return;
  check_cuda(cudaEventRecord(border_, compute_->stream()), "cudaEventRecord");
  check_cuda(cudaStreamWaitEvent(lane_.stream(), border_, 0), "cudaStreamWaitEvent");
}

void NcclCommunicator::compute_goes_on() {
  if (compute_ == nullptr) return;
  check_cuda(cudaEventRecord(border_, lane_.stream()), "cudaEventRecord");
  check_cuda(cudaStreamWaitEvent(compute_->stream(), border_, 0), "cudaStreamWaitEvent");
}

}  // namespace scalebench
