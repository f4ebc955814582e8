// Communication over NCCL, between GPUs: each communicator has a stream of its own.
#pragma once

#include <array>
#include <memory>
#include <optional>
#include <string>

#include "base/cuda/lane.hpp"
#include "collectives/communicator.hpp"
#include "collectives/nccl/calls.hpp"
#include "collectives/nccl/handle.hpp"

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
  std::uint64_t number;  // within the communicator, from 1
  double bytes;          // its size, as collective.hpp counts
  std::uint64_t mark;    // of the lane, after it
};

class NcclCommunicator final : public Communicator::ImplementedBy<NcclCommunicator, Communicator> {
 public:
  // in_order_with null: beside all other lanes. Else operations begin when all is done that was issued before on that
  // lane, which goes on after them.
  NcclCommunicator(NcclRoll& roll, Witness& witness, CudaTimes& times, Group group, int rank, const std::string& name,
                   std::unique_ptr<NcclHandle> handle, CudaLane* in_order_with);
  ~NcclCommunicator() override;

  Lane& lane() override { return lane_; }
  NcclHandle& handle() const { return *handle_; }
  // The first operation that was issued and has not ended.
  std::optional<IssuedCollective> unfinished() const;

  template <class Op>
  void perform(const Op& op, Span* span) {
    if (span != nullptr) span->bytes = wire_bytes(op);
    if (muted()) {
      if (span != nullptr) span->launched = span->start = span->end = span->issued;
      return;
    }
    begin_after_compute();
    if (span != nullptr) lane_.begin(*span);
    ++issued_;
    recent_[issued_ % kRecent] = {Op::name, issued_, static_cast<double>(op.size()), lane_.recorded() + 1};
    handle_->finish(call_nccl(op, handle_->get(), lane_.stream()), Op::name);
    if (span != nullptr) lane_.end(*span);
    compute_goes_on();
  }

 private:
  static constexpr std::size_t kRecent = 256;

  void begin_after_compute();
  void compute_goes_on();

  NcclRoll& roll_;
  CudaLane* compute_;
  CudaLane lane_;
  std::unique_ptr<NcclHandle> handle_;  // goes before the stream that it worked on
  cudaEvent_t border_{};                // between the two lanes, where they take turns
  std::uint64_t issued_ = 0;
  std::array<IssuedCollective, kRecent> recent_{};  // by number
};

}  // namespace scalebench
