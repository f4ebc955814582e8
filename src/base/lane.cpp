#include "base/lane.hpp"

#include <algorithm>

#include "base/check.hpp"
#include "base/witness.hpp"

namespace scalebench {

Lane::Lane(Witness& witness, LaneKind kind, std::string name)
    : witness_(witness), index_(witness.enrol(*this)), kind_(kind), name_(std::move(name)) {}

Lane::~Lane() { witness_.dismiss(*this); }

Event Lane::record_now() {
  return {.lane = this, .tick = tick(), .id = witness_.next_event_id(), .mark = mark(), .knows = knows_};
}

void Lane::wait_now(const Event& event) {
  ensure(event.lane != nullptr, "lane '{}' waits for an event that was never recorded", name_);
  const auto known = [](std::uint64_t mine, std::uint64_t theirs) { return mine >= theirs; };
  // All of it must be known: an event recorded after a wait carries knowledge that its own tick doesn't show.
  if (std::equal(knows_.begin(), knows_.end(), event.knows.begin(), known)) return;
  if (event.lane != this) hold(event);
  std::transform(knows_.begin(), knows_.end(), event.knows.begin(), knows_.begin(),
                 [](std::uint64_t a, std::uint64_t b) { return std::max(a, b); });
}

Event Lane::record() {
  const Event event = record_now();
  if (Tape* tape = witness_.tape()) {
    tape->events[event.id] = event;
    tape->steps.push_back([this, tape, id = event.id] { tape->events[id] = record_now(); });
  }
  return event;
}

void Lane::wait(const Event& event) {
  if (!witness_.count_wait()) return;
  wait_now(event);
  if (Tape* tape = witness_.tape()) {
    ensure(tape->events.contains(event.id), "lane '{}' waits inside a repeated step for an event from outside of it",
           name_);
    tape->steps.push_back([this, tape, id = event.id] { wait_now(tape->events.at(id)); });
  }
}

}  // namespace scalebench
