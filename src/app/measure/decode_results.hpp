// What serving came to, beside the steps: plain data. metrics.md "Decode and serving"; s, bytes, tokens; unknown is
// NaN.
#pragma once

#include <array>
#include <cstdint>
#include <limits>
#include <string>
#include <vector>

namespace scalebench {

struct ServedRequest {
  std::int64_t request{};
  int replica{};
  double arrival{}, first_token{}, end{};  // s from the start of serving; NaN: not answered
  std::int64_t input{}, output{}, preemptions{};
};

struct ServedToken {
  std::int64_t request{};
  std::int32_t id{};
  double time{};
};

// What needs more samples than there are is NaN.
struct Percentiles {
  double p50 = std::numeric_limits<double>::quiet_NaN();
  double p95 = p50, p99 = p50;
};

struct DecodeResults {
  static constexpr double kUnknown = std::numeric_limits<double>::quiet_NaN();
  int tp = 1, dp = 1;
  int batch = 0;        // most sequences of a step, per replica; 0: these are no results of decode
  int concurrency = 0;  // of the job; 0 where arrivals are open or listed
  double request_rate = kUnknown;
  std::int64_t requests = 0, preemptions = 0;                        // answered; of these
  std::int64_t asked = 0;                                            // requests of the plan
  double input_tokens = kUnknown, output_tokens = kUnknown;          // means of the answered
  std::array<Percentiles, 5> latency{};                              // by LatencyMetric
  double goodput = kUnknown;                                         // requests/s that meet every limit
  double good_share = kUnknown;                                      // of the requests that came
  double throughput_steady = kUnknown, throughput_whole = kUnknown;  // output tokens/s, all ranks
  double mbu = kUnknown, bandwidth_measured = kUnknown;              // 1; B/s read by a rank, all of a node at once
  double kv_occupancy = kUnknown;
  double communication_share = kUnknown, host_share = kUnknown;  // of the marked steps
  double all_reduce_latency = kUnknown;                          // s, mean, of the marked steps
  double serving_time = kUnknown;                                // s, until the last answer
  std::vector<ServedRequest> served{};                           // in the order of their numbers
  std::vector<ServedToken> tokens{};                             // of each request in turn
  bool present() const { return batch > 0; }
};

}  // namespace scalebench
