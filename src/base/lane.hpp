// A lane is an ordered queue of work with a clock; an Event is a point in it that another lane may wait for.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <string>
#include <unordered_map>
#include <vector>

namespace scalebench {

class Lane;
class Witness;

inline constexpr std::size_t kMaxLanes = 16;
// For each lane, how far into it the holder has waited: what it may rely on.
using VectorClock = std::array<std::uint64_t, kMaxLanes>;

struct Event {
  Lane* lane{};
  std::uint64_t tick{};  // position in the lane
  std::uint64_t id{};    // unique in the process: how a tape finds it again
  std::uint64_t mark{};  // the backend's own handle
  VectorClock knows{};   // what has happened before this point, on all lanes
};

enum class LaneKind : std::uint8_t { host, compute, communication, copy };

class Lane {
 public:
  Lane(Witness& witness, LaneKind kind, std::string name);
  virtual ~Lane();
  Lane(const Lane&) = delete;
  Lane& operator=(const Lane&) = delete;

  Event record();                 // the point after all that was issued so far
  void wait(const Event& event);  // later work of this lane begins after the event
  void join(Lane& other) { wait(other.record()); }

  // Blocks the calling thread until the event has come.
  virtual void reach(const Event& event) = 0;
  // Blocks until all that was issued is done, and its spans have their times.
  virtual void settle() {}

  std::uint8_t index() const { return index_; }
  LaneKind kind() const { return kind_; }
  const std::string& name() const { return name_; }
  const VectorClock& knows() const { return knows_; }
  std::uint64_t tick() const { return knows_[index_]; }
  void advance() { ++knows_[index_]; }  // one more piece of work was issued

 private:
  virtual std::uint64_t mark() { return 0; }
  virtual void hold(const Event& event) = 0;
  Event record_now();
  void wait_now(const Event& event);

  Witness& witness_;
  std::uint8_t index_;
  LaneKind kind_;
  std::string name_;
  VectorClock knows_{};
};

// A lane whose work is done when it has been issued (by the calling thread, or in no time at all): nothing to reach.
class PromptLane final : public Lane {
 public:
  using Lane::Lane;
  void reach(const Event&) override {}

 private:
  void hold(const Event& event) override { event.lane->reach(event); }
};

// A step of operations, records and waits, kept to be played again. Operations are copied into it by value.
struct Tape {
  std::vector<std::function<void()>> steps{};
  std::unordered_map<std::uint64_t, Event> events{};  // by the id at recording: the event of the running replay
};

}  // namespace scalebench
