// Communication over NCCL, between GPUs: each communicator has a stream of its own.
#pragma once

#include <array>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/cuda/lane.hpp"
#include "collectives/communicator.hpp"
#include "collectives/nccl/calls.hpp"
#include "collectives/nccl/handle.hpp"
#include "collectives/nccl/registrations.hpp"

namespace scalebench {

class NcclCommunicator;

// Where the communicators of a network are known while they live.
class NcclRoll {
 public:
  virtual ~NcclRoll() = default;
  virtual void enrol(NcclCommunicator& communicator) = 0;
  virtual void dismiss(NcclCommunicator& communicator) = 0;
};

// An operation that was issued: what is said of it when it does not end.
struct IssuedCollective {
  std::string_view name;
  std::uint64_t number;      // within the communicator, from 1
  double bytes;              // its size, as collective.hpp counts
  std::uint64_t mark;        // of the lane, after it
  bool in_graph;             // captured: its points tell nothing, and its replays have no numbers of their own
  std::string text() const;  // "all_reduce number 12 of 4096 bytes"
};

class NcclCommunicator final : public Communicator::ImplementedBy<NcclCommunicator, Communicator> {
 public:
  // in_order_with null: beside all other lanes. Else operations begin when all is done that was issued before on that
  // lane, which goes on after them.
  NcclCommunicator(NcclRoll& roll, Witness& witness, CudaTimes& times, Group group, int rank, const std::string& name,
                   std::unique_ptr<NcclHandle> handle, CudaLane* in_order_with,
                   std::unique_ptr<NcclRegistrations> registrations);
  ~NcclCommunicator() override;

  // With the only other rank, both at once: the first transfer of a direction keeps the host waiting until that rank
  // comes to its end of it, which may be after what it waits for itself.
  void connect_with_peer();

  Lane& lane() override { return lane_; }
  NcclHandle& handle() const { return *handle_; }
  // The first operation that was issued and has not ended. Where that isn't known, since it's a part of a graph that
  // may have run again: the first of those.
  std::optional<IssuedCollective> unfinished() const;
  const IssuedCollective& last_issued() const { return recent_[issued_ % kRecent]; }

  template <class Op>
  void perform(const Op& op, Span* span) {
    if (span != nullptr) span->bytes = wire_bytes(op);
    if (muted()) {
      if (span != nullptr) span->launched = span->start = span->end = span->issued;
      return;
    }
    ++issued_;
    recent_[issued_ % kRecent] = {Op::name, issued_, static_cast<double>(op.size()), lane_.recorded() + 1,
                                  lane_.captured()};
    if (registrations_ != nullptr) registrations_->see(op, issued_);
    begin_after_compute();
    if (span != nullptr) lane_.begin(*span);
    if (group_) {
      group_->push_back({span, last_issued(), [this, op] { return call_nccl(op, handle_->get(), lane_.stream()); }});
      return;
    }
    check(call_nccl(op, handle_->get(), lane_.stream()), last_issued());
    if (span != nullptr) lane_.end(*span);
    compute_goes_on();
  }

 private:
  static constexpr std::size_t kRecent = 256;

  // One of a group: NCCL is called when it is whole, since memory must be registered before.
  struct Grouped {
    Span* span;
    IssuedCollective what;
    std::function<ncclResult_t()> call;
  };

  void check(ncclResult_t result, const IssuedCollective& one, std::string_view call = "");
  void at_edge_now(Edge edge) override;
  void launch(const std::vector<Grouped>& all);
  void begin_after_compute();
  void compute_goes_on();

  NcclRoll& roll_;
  CudaTimes& times_;
  CudaLane* compute_;
  CudaLane lane_;
  std::unique_ptr<NcclHandle> handle_;                // goes before the stream that it worked on
  std::unique_ptr<NcclRegistrations> registrations_;  // null: none
  cudaEvent_t border_{};                              // between the two lanes, where they take turns
  std::uint64_t issued_ = 0;
  std::optional<std::vector<Grouped>> group_{};     // that is being issued
  std::array<IssuedCollective, kRecent> recent_{};  // by number
};

}  // namespace scalebench
