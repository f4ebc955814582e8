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

  Tape* tape() const { return tape_; }
  void write_tape(Tape* tape) { tape_ = tape; }
  std::uint64_t next_event_id() { return ++last_event_id_; }
  std::uint8_t enrol(Lane& lane);
  void dismiss(Lane& lane);

  // Every operation passes here when it is issued: a span to fill in, or null when not recording.
  template <class Op>
  Span* see(Lane& lane, const Op& op);

 private:
  void check(Lane& lane, const Tensor& tensor, bool write, std::string_view name);

  struct Checks {
    Witness& witness;
    Lane& lane;
    std::string_view name;
    template <class... T>
    void reads(const T&... tensors) const {
      (witness.check(lane, tensors, false, name), ...);
    }
    template <class... T>
    void writes(const T&... tensors) const {
      (witness.check(lane, tensors, true, name), ...);
    }
  };

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

// Bytes that an operation reads and writes: the sum of its operands, unless it declares bytes() itself.
struct Traffic {
  double bytes = 0;
  template <class... T>
  void reads(const T&... tensors) {
    ((bytes += static_cast<double>(tensors.bytes())), ...);
  }
  template <class... T>
  void writes(const T&... tensors) {
    ((bytes += static_cast<double>(tensors.bytes())), ...);
  }
};

template <class Op>
double bytes_of(const Op& op) {
  if constexpr (requires { op.bytes(); }) {
    return op.bytes();
  } else {
    Traffic traffic;
    op.operands(traffic);
    return traffic.bytes;
  }
}

template <class Op>
double flops_of(const Op& op) {
  if constexpr (requires { op.flops(); })
    return op.flops();
  else
    return 0;
}

// What an operation is called in the timeline: some have several forms.
template <class Op>
std::string_view label_of(const Op& op) {
  if constexpr (requires { op.label(); })
    return op.label();
  else
    return Op::name;
}

// What an operation is called in digests: the two ends of one transfer have one name.
template <class Op>
constexpr std::string_view order_name_of() {
  if constexpr (requires { Op::order_name; })
    return Op::order_name;
  else
    return Op::name;
}

template <class Op>
Span* Witness::see(Lane& lane, const Op& op) {
  if (serve_) serve_();
  if (observer_) observer_(lane.name(), Op::name);
  if (!fault_.empty()) throw_noted_fault();
  lane.advance();
  if (lane.kind() == LaneKind::communication) {
    const auto bytes = static_cast<std::uint64_t>(bytes_of(op));
    order_.add(lane.name());
    for (OrderDigest* const order : {&order_, &orders_[lane.index()]})
      order->add(order_name_of<Op>()), order->add(bytes);
  }
  if (checking_) {
    op.operands(Checks{*this, lane, Op::name});
  }
  if (!timeline_.recording()) return nullptr;
  const double issued = now();
  return &timeline_.add({.lane = lane.index(),
                         .part = Op::part,
                         .name = label_of(op),
                         .issued = issued,
                         .flops = flops_of(op),
                         .bytes = bytes_of(op)});
}

}  // namespace scalebench
