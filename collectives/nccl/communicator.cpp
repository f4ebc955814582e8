#include "collectives/nccl/communicator.hpp"

#include <algorithm>
#include <exception>
#include <utility>

#include <fmt/format.h>

#include "base/cuda/check.hpp"
#include "base/cuda/stream_memory.hpp"

namespace scalebench {

NcclCommunicator::NcclCommunicator(NcclRoll& roll, Witness& witness, CudaTimes& times, Group group, int rank,
                                   const std::string& name, std::unique_ptr<NcclHandle> handle, CudaLane* in_order_with,
                                   std::unique_ptr<NcclRegistrations> registrations)
    : ImplementedBy<NcclCommunicator, Communicator>(witness, group, rank),
      roll_(roll),
      times_(times),
      compute_(in_order_with),
      lane_(witness, LaneKind::communication, name, times),
      handle_(std::move(handle)),
      registrations_(std::move(registrations)) {
  if (compute_ != nullptr)
    check_cuda(cudaEventCreateWithFlags(&border_, cudaEventDisableTiming), "cudaEventCreateWithFlags");
  roll_.enrol(*this);
}

// What is under way must end first: NCCL counts on it.
NcclCommunicator::~NcclCommunicator() {
  if (std::uncaught_exceptions() > 0) handle_->abort();
  lane_.drain();
  roll_.dismiss(*this);
  registrations_.reset();
  if (border_ != nullptr) cudaEventDestroy(border_);
}

void NcclCommunicator::connect_with_peer() {
  const StreamMemory memory(lane_.stream(), 2);
  check_cuda(memory.data() == nullptr ? cudaErrorMemoryAllocation : cudaSuccess, "cudaMallocAsync");
  auto* const bytes = static_cast<std::byte*>(memory.data());
  const int peer = 1 - rank();
  const auto checked = [this](ncclResult_t result) {
    if (result != ncclSuccess) handle_->finish(result, "the first transfers");
  };
  checked(ncclGroupStart());
  checked(ncclSend(bytes, 1, ncclInt8, peer, handle_->get(), lane_.stream()));
  checked(ncclRecv(bytes + 1, 1, ncclInt8, peer, handle_->get(), lane_.stream()));
  checked(ncclGroupEnd());
  times_.await(lane_.stream());
}

std::optional<IssuedCollective> NcclCommunicator::unfinished() const {
  const std::uint64_t oldest = issued_ >= kRecent ? issued_ - kRecent + 1 : 1;
  const IssuedCollective* in_graph = nullptr;
  for (std::uint64_t number = oldest; number <= issued_; ++number) {
    const IssuedCollective& one = recent_[number % kRecent];
    if (!one.in_graph && !lane_.has_come(one.mark)) return one;
    if (one.in_graph && in_graph == nullptr) in_graph = &one;
  }
  return in_graph == nullptr ? std::nullopt : std::optional(*in_graph);
}

std::string IssuedCollective::text() const { return fmt::format("{} number {} of {:.0f} bytes", name, number, bytes); }

void NcclCommunicator::check(ncclResult_t result, const IssuedCollective& one, std::string_view call) {
  if (result != ncclSuccess) handle_->finish(result, std::string(call) + one.text());
}

void NcclCommunicator::at_edge_now(Edge edge) {
  if (edge == Edge::begin)
    group_.emplace();
  else if (const auto all = std::exchange(group_, std::nullopt); !all->empty())
    launch(*all);
}

// NCCL tells no more than the time of all; each gets the share of its size. None has come before the next point.
void NcclCommunicator::launch(const std::vector<Grouped>& all) {
  check(ncclGroupStart(), all.front().what, "ncclGroupStart before ");
  for (const Grouped& one : all) check(one.call(), one.what);
  check(ncclGroupEnd(), all.back().what, "ncclGroupEnd after ");
  double whole = 0, so_far = 0;
  for (const Grouped& one : all) whole += one.what.bytes;
  for (const Grouped& one : all) {
    const double before = std::exchange(so_far, so_far + one.what.bytes);
    if (one.span != nullptr) lane_.end(*one.span, before / whole, so_far / whole);
  }
  for (std::uint64_t number = issued_ - std::min<std::uint64_t>(all.size(), kRecent); number++ < issued_;)
    recent_[number % kRecent].mark = lane_.recorded() + 1;
  compute_goes_on();
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
