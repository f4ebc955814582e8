// The witness sees every operation of a process: it records spans, checks the waits, writes tapes, digests the order.
#pragma once

#include <array>
#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.hpp"
#include "base/lane.hpp"
#include "base/operation.hpp"
#include "base/tensor.hpp"
#include "base/timeline.hpp"

namespace scalebench {

// FNV-1a over the operations of the communication lanes, in the order of their issue: equal on ranks whose plans agree.
class OrderDigest {
 public:
  void add(std::string_view text);
  void add(std::uint64_t number);
  std::uint64_t value() const { return value_; }

 private:
  std::uint64_t value_ = 1469598103934665603ULL;
};

class Witness {
 public:
  explicit Witness(Clock clock = monotonic_seconds) : clock_(std::move(clock)) {}
  Witness(const Witness&) = delete;
  Witness& operator=(const Witness&) = delete;

  double now() const { return clock_(); }
  Timeline& timeline() { return timeline_; }
  const Timeline& timeline() const { return timeline_; }
  const OrderDigest& order() const { return order_; }                                    // of all communication lanes
  const OrderDigest& order_on(const Lane& lane) const { return orders_[lane.index()]; }  // the same on all of its ranks
  const std::vector<Lane*>& lanes() const { return lanes_; }

  // The wait check. A fault that shows where nothing can be thrown (in a destructor) is thrown at the next operation.
  void check_waits(bool on) { checking_ = on; }
  bool checking() const { return checking_; }
  void note_fault(std::string fault);
  void throw_noted_fault();
  // For tests of the check itself: the waits are counted from 0 as they are issued, and one of them can be left out.
  std::uint64_t waits() const { return waits_; }
  void leave_out_wait(std::uint64_t number) { left_out_ = number; }
  bool count_wait() { return waits_++ != left_out_; }  // false: this one is left out
  // For a storage about to be freed by the host: an error text if a lane may still use it.
  std::optional<std::string> still_used(const Storage& storage, const VectorClock& known) const;

  // Called at the border of every operation, so that communication lanes can be served without a core of their own.
  void at_borders(std::function<void()> serve) { serve_ = std::move(serve); }

  // What runs next, for the watchdog: called with the name of each operation.
  void watch(std::function<void(std::string_view lane, std::string_view operation)> observer) {
    observer_ = std::move(observer);
  }

  // Of what passes in no other way: a step that a backend repeats as one.
  void tell(std::string_view lane, std::string_view operation) const {
    if (observer_) observer_(lane, operation);
  }

  Tape* tape() const { return tape_; }
  void write_tape(Tape* tape) { tape_ = tape; }
  std::uint64_t next_event_id() { return ++last_event_id_; }
  std::uint8_t enrol(Lane& lane);
  void dismiss(Lane& lane);

  // Every operation passes here when it is issued: a span to fill in, or null when not recording.
  Span* see(Lane& lane, const Kind& kind, const void* op);
  template <class Op>
  Span* see(Lane& lane, const Op& op) {
    return see(lane, kKind<Op>, &op);
  }

 private:
  void check(Lane& lane, const Tensor& tensor, bool write, std::string_view name);

  Clock clock_;
  Timeline timeline_{};
  OrderDigest order_{};
  std::array<OrderDigest, kMaxLanes> orders_{};  // by lane
  std::vector<Lane*> lanes_{};
  std::function<void()> serve_{};
  std::function<void(std::string_view, std::string_view)> observer_{};
  Tape* tape_ = nullptr;
  bool checking_ = true;
  std::uint64_t last_event_id_ = 0;
  std::uint64_t waits_ = 0, left_out_ = std::numeric_limits<std::uint64_t>::max();
  std::string fault_{};
};

}  // namespace scalebench
