// What a decode workload offers beside its steps: requests that are served, and what became of them. Times in s from
// the start of serving.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <limits>
#include <vector>

#include "base/clock.hpp"

namespace scalebench {

// A request as it was answered; NaN where it was not.
struct Answer {
  std::int64_t request{};  // number in the whole job
  double arrival = std::numeric_limits<double>::quiet_NaN();
  std::int64_t input{};             // tokens of the prompt
  std::vector<std::int32_t> ids{};  // of the answer
  std::vector<double> times{};      // of each of them
  std::int64_t preemptions = 0;
  bool ended = false;
  double first_token() const { return times.empty() ? std::numeric_limits<double>::quiet_NaN() : times.front(); }
  double end() const { return ended ? times.back() : std::numeric_limits<double>::quiet_NaN(); }
};

// One step of the engine on this rank.
struct ServedStep {
  double begin{}, end{};  // s: of a GPU its own times, see DecodeStep::finish
  double host{};          // s of scheduling
  std::int64_t sequences{}, rows{}, prompt_rows{};
  double bytes{};      // weights used, once, and the keys and values of all running sequences
  double occupancy{};  // share of the cache's blocks in use
};

class Service {
 public:
  virtual ~Service() = default;
  // From now on run() does steps of a full batch that decodes, over and over: what is marked and muted.
  virtual void begin_steady() = 0;
  // Makes the requests of the plan. From begin_serving() on step() serves them. `origin`: the time 0 of requests on the
  // witness's clock; `clock` counts from there, and says the same on all ranks of the replica.
  virtual void prepare_serving() = 0;
  virtual void begin_serving(double origin, AgreedClock clock) = 0;
  // One step, or waits for a request to come; false: all are answered.
  virtual bool step() = 0;
  // Requests that have not come, or not been begun, are left out: how many.
  virtual std::int64_t send_no_more() = 0;
  virtual const std::vector<ServedStep>& steps() const = 0;
  virtual const std::deque<Answer>& answers() const = 0;
};

}  // namespace scalebench
