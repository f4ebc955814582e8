// What a run measured: plain data, filled by measure, written by the recorder, shown by the report.
//
// Seconds, bytes, FLOPs. Unknown is NaN, never 0. metrics.md's names.
#pragma once

#include <array>
#include <cmath>
#include <cstdint>
#include <limits>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "app/measure/decode_results.hpp"
#include "app/measure/gpu_results.hpp"

namespace scalebench {

inline constexpr double kUnknown = std::numeric_limits<double>::quiet_NaN();

// The parts of a step. `residue` is what is left over; it is measured as such, and shown.
enum class Phase : std::uint8_t { compute, interference, exposed, imbalance, bubble, optimizer, input, host, residue };
inline constexpr std::array<std::string_view, 9> kPhaseNames = {
    "compute", "interference", "exposed", "imbalance", "bubble", "optimizer", "input", "host", "residue"};
inline constexpr std::size_t kPhases = kPhaseNames.size();
using Phases = std::array<double, kPhases>;  // s

enum class IterationKind : std::uint8_t { warmup, counted, marked, muted };

struct SpanRow {
  int rank{};
  std::string lane{}, name{}, part{};
  double issued{}, launched{}, start{}, end{};  // s, from the start of the marked iteration on that rank
  double flops{}, bytes{};
};

// One iteration over all ranks of a point.
struct Iteration {
  std::int64_t index{};  // warm-ups negative
  IterationKind kind{};
  std::vector<double> samples{};       // [ranks] s
  std::vector<Phases> phases{};        // [ranks], of marked iterations; else empty
  std::vector<double> phases_total{};  // [ranks] s, the marked iteration's own length
  std::vector<double> throttled{};     // [ranks] 1 where its GPU was slowed, 0 where not; empty: not known of any
  double loss = kUnknown;
  double gradient_norm = kUnknown;
  double loss_scale = kUnknown;  // of fp16: what the loss was multiplied by for the gradients
};

// Median and 95 % interval by order statistics; what needs more samples than there are is NaN.
struct Summary {
  std::size_t samples{};
  double median = kUnknown, mean = kUnknown, min = kUnknown, max = kUnknown, p05 = kUnknown, p95 = kUnknown;
  double ci_low = kUnknown, ci_high = kUnknown;
};

struct Point {
  int ranks{}, nodes = 1, threads = 1;
  bool oversubscribed{};
  // target_ci, max_iterations, max_seconds (the cap), requests (all are answered); or, of a point that is no result:
  // stopped, not_finite, wrong
  std::string stop_reason{};
  std::vector<Iteration> iterations{};
  std::vector<SpanRow> spans{};                          // of chosen ranks, of the last marked iteration
  Summary step_time{};                                   // of the maximum over ranks, counted iterations
  double marked_time = kUnknown, muted_time = kUnknown;  // means of the maximum over ranks
  // Median step less median muted step, and the 95 % interval of the difference: a cross-check of exposed +
  // interference.
  double unmuted_less_muted = kUnknown, unmuted_less_muted_ci_low = kUnknown, unmuted_less_muted_ci_high = kUnknown;
  Phases phases{};  // of the rank that ended the step; mean over marked iterations

  // Training.
  double tokens_per_second = kUnknown;
  double flops_per_token_megatron = kUnknown, flops_per_token_non_causal = kUnknown, flops_per_token_6n = kUnknown;
  double mfu = kUnknown, hfu = kUnknown;
  double peak_measured = kUnknown;  // FLOP/s of one rank, all ranks of the node at once, as tensors are stored
  // The same as the plan's `products` multiply, and the share of the model FLOPs that do; NaN and 0 where all are
  // plain.
  double peak_of_products = kUnknown, share_in_products = kUnknown;
  // The same against the datasheet's peaks, and that of what tensors are stored in; NaN where the GPU isn't known.
  double mfu_datasheet = kUnknown, peak_datasheet = kUnknown;
  double skipped_steps = kUnknown;  // of fp16
  double speedup = kUnknown, efficiency = kUnknown;
  double memory_estimate = kUnknown;       // bytes per rank, from the dry run
  std::vector<double> memory_peak{};       // [ranks] bytes, measured
  std::vector<double> memory_allocated{};  // [ranks] bytes, the device's own count
  std::vector<double> host_memory{};       // [ranks] bytes beside the device's; empty where nothing is offloaded

  DecodeResults decode{};
  GpuResults gpu{};

  // Collectives.
  double bytes = kUnknown;  // S
  bool in_place{};
  double time = kUnknown, algbw = kUnknown, busbw = kUnknown;  // s, B/s
  double wrong = kUnknown;                                     // elements
};

// Of --find-rate.
struct FoundRate {
  double rate = kUnknown;  // requests/s: the highest at which enough of them met every limit; NaN: none was
  std::string text{};      // what came out, or why nothing
};

using Attribute = std::variant<std::string, double, std::int64_t>;
using Attributes = std::map<std::string, Attribute>;

struct Measurement {
  std::string workload{}, command{}, shrunk{};  // shrunk: "" or what was done
  std::string kind = "measured";
  std::string scaling = "none";     // weak, strong
  std::string status = "running";   // running, complete, stopped, failed
  std::string run_id{}, created{};  // UUID, ISO 8601 UTC
  int baseline_ranks{};
  bool complete{};
  Attributes environment{}, model{}, plan{}, machine{};
  Attributes verification{};  // of --verify; else empty
  std::optional<FoundRate> found_rate{};
  std::vector<Point> points{};
};

}  // namespace scalebench
