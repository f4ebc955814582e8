#include "collectives/staged/network.hpp"

#include <exception>
#include <type_traits>
#include <utility>

#include "collectives/staged/alone.hpp"
#include "collectives/staged/lane.hpp"
#include "collectives/staged/on_host.hpp"

namespace scalebench {

namespace {

class StagedCommunicator final : public Communicator::ImplementedBy<StagedCommunicator, Communicator> {
 public:
  StagedCommunicator(Witness& witness, PinnedPool& pool, std::unique_ptr<Communicator> inner, int rank,
                     const std::string& name, GpuMemory memory)
      : ImplementedBy<StagedCommunicator, Communicator>(witness, inner->group(), rank),
        pool_(pool),
        memory_(memory),
        inner_(std::move(inner)),
        lane_(witness, name) {}
  ~StagedCommunicator() override {
    if (std::uncaught_exceptions() == 0) lane_.settle();
  }
  Lane& lane() override { return lane_; }

  template <class Op>
  void perform(const Op& op, Span* span) {
    if (span != nullptr) span->bytes = wire_bytes(op), span->launched = span->start = span->end = span->issued;
    if (muted()) return;
    constexpr bool sums = std::is_same_v<Op, AllReduce> || std::is_same_v<Op, ReduceScatter>;
    if (memory_ == GpuMemory::direct && !sums)
      issue_directly(op, span);
    else
      issue_staged(op, span);
    if (span != nullptr) span->launched = witness().now();
  }

 private:
  // The compute lane has come to the end of what this waits for: see StagedLane.
  template <class Op>
  void issue_directly(const Op& op, Span* span) {
    lane_.submit([this, done = inner_->run(op), span] {
      inner_->lane().reach(done);
      if (span != nullptr) span->end = witness().now();
    });
  }

  template <class Op>
  void issue_staged(const Op& op, Span* span) {
    std::vector<std::shared_ptr<Pinned>> held;
    const auto host = on_host(op, Communicator::rank(), [&](DType dtype, std::int64_t count) {
      held.push_back(pool_.borrow(static_cast<std::size_t>(count) * size_of(dtype)));
      return held.back()->view(dtype, count);
    });
    if (host.before) pool_.copy(host.before->from, host.before->to);
    const Event done = inner_->run(host.op);
    lane_.submit([this, held = std::move(held), done, after = host.after, span] {
      inner_->lane().reach(done);
      if (after) pool_.copy(after->from, after->to);
      if (span != nullptr) span->end = witness().now();
    });
  }

  PinnedPool& pool_;
  GpuMemory memory_;
  std::unique_ptr<Communicator> inner_;
  StagedLane lane_;
};

}  // namespace

StagedNetwork::StagedNetwork(std::unique_ptr<Network> inner, CudaTimes& times, GpuMemory memory)
    : times_(times), memory_(memory), pool_(times), inner_(std::move(inner)) {
  inside_.check_waits(false);
  times_.while_waiting([this](double) { inner_->serve(); });
}

std::unique_ptr<Communicator> StagedNetwork::make(Witness& witness, Lane& compute, Group group, const std::string& name,
                                                  Overlap overlap) {
  if (group.size == 1) return make_communicator_alone(witness, times_, group, rank(), name);
  return std::make_unique<StagedCommunicator>(witness, pool_, inner_->make(inside_, compute, group, name, overlap),
                                              rank(), name, memory_);
}

}  // namespace scalebench
