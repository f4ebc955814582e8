// What ran, on which lane, from when to when, at what cost.
#pragma once

#include <cstdint>
#include <deque>
#include <string_view>

namespace scalebench {

// What a span is work for: its share of the split of the step.
enum class Part : std::uint8_t { compute, optimizer, input, communication, host };

constexpr std::string_view name_of(Part part) {
  switch (part) {
    case Part::compute:
      return "compute";
    case Part::optimizer:
      return "optimizer";
    case Part::input:
      return "input";
    case Part::communication:
      return "communication";
    case Part::host:
      return "host";
  }
  return "?";
}

struct Span {
  std::uint8_t lane{};
  Part part{};
  std::string_view name{};      // of the operation; static storage
  double issued{}, launched{};  // host: the call began, the call came back; s
  double start{}, end{};        // on the lane, s
  double flops{}, bytes{};      // bytes: device traffic of an operation, wire traffic of a collective
};

class Timeline {
 public:
  bool recording() const { return recording_; }
  void record(bool on) { recording_ = on; }
  // Spans keep their address until clear(): a backend may fill in the times later.
  Span& add(const Span& span) { return spans_.emplace_back(span); }
  const std::deque<Span>& spans() const { return spans_; }
  void clear() { spans_.clear(); }

 private:
  bool recording_ = false;
  std::deque<Span> spans_{};
};

}  // namespace scalebench
