// The lane of a staged communicator: a point of it is reached when the results are back on the GPU.
#pragma once

#include <deque>
#include <functional>

#include "base/lane.hpp"

namespace scalebench {

// The second half of each operation waits for the first one to come to be waited for itself, in their order: so a rank
// that has yet to send something never stands still at what it is to receive.
class StagedLane final : public Lane {
 public:
  StagedLane(Witness& witness, const std::string& name) : Lane(witness, LaneKind::communication, name) {}

  void submit(std::function<void()> second_half) {
    halves_.push_back(std::move(second_half));
    ++issued_;
  }
  void reach(const Event& event) override { finish(event.mark); }
  void settle() override { finish(issued_); }

 private:
  void finish(std::uint64_t number) {
    for (; issued_ - halves_.size() < number; halves_.pop_front()) halves_.front()();
  }
  std::uint64_t mark() override { return issued_; }
  void hold(const Event& event) override { event.lane->reach(event); }

  std::deque<std::function<void()>> halves_{};
  std::uint64_t issued_ = 0;
};

}  // namespace scalebench
