#include "app/recorder/columns.hpp"

#include <algorithm>
#include <cmath>

namespace scalebench {
namespace {

constexpr RealColumn kReals[] = {{"step_time", "s", "median step time (iteration: maximum over ranks)", Use::any,
                                  [](auto& p) -> auto& {return p.step_time.median;
}
}  // namespace scalebench
, {"step_time_mean", "s", "mean step time", Use::any, [](auto& p) -> auto& {return p.step_time.mean;
}
}
, {"step_time_min", "s", "shortest step time", Use::any, [](auto& p) -> auto& {return p.step_time.min;
}
}
, {"step_time_max", "s", "longest step time", Use::any, [](auto& p) -> auto& {return p.step_time.max;
}
}
, {"step_time_p05", "s", "5th percentile of the step time", Use::any, [](auto& p) -> auto& {return p.step_time.p05;
}
}
, {"step_time_p95", "s", "95th percentile of the step time", Use::any, [](auto& p) -> auto& {return p.step_time.p95;
}
}
, {"step_time_ci_low", "s", "lower end of the 95 % interval of the median step time", Use::any,
   [](auto& p) -> auto& {return p.step_time.ci_low;
}
}
, {"step_time_ci_high", "s", "upper end of the 95 % interval of the median step time", Use::any,
   [](auto& p) -> auto& {return p.step_time.ci_high;
}
}
, {"memory_estimate", "B", "memory of a rank as estimated before the run", Use::any,
   [](auto& p) -> auto& {return p.memory_estimate;
}
}
,

    {"marked_time", "s", "median step time of the marked iterations, whose spans are recorded", Use::training,
     [](auto& p) -> auto& {return p.marked_time;
}
}
, {"muted_time", "s", "median step time of the muted iterations, without communication", Use::training,
   [](auto& p) -> auto& {return p.muted_time;
}
}
, {"tokens_per_second", "1/s", "summed tokens over summed time of the counted iterations, all ranks", Use::training,
   [](auto& p) -> auto& {return p.tokens_per_second;
}
}
, {"flops_per_token_megatron", "1", "model FLOPs of a token: every GEMM with logits x 3, causal attention",
   Use::training, [](auto& p) -> auto& {return p.flops_per_token_megatron;
}
}
, {"flops_per_token_non_causal", "1", "model FLOPs of a token: the same with full attention", Use::training,
   [](auto& p) -> auto& {return p.flops_per_token_non_causal;
}
}
, {"flops_per_token_6n", "1", "model FLOPs of a token: 6 x parameters", Use::training,
   [](auto& p) -> auto& {return p.flops_per_token_6n;
}
}
, {"mfu", "1", "model FLOPs utilisation", Use::training, [](auto& p) -> auto& {return p.mfu;
}
}
, {"hfu", "1", "hardware FLOPs utilisation: with recomputation", Use::training, [](auto& p) -> auto& {return p.hfu;
}
}
, {"peak_measured", "1/s", "FLOPs per second of a rank in the best GEMM, all ranks of a node at once", Use::training,
   [](auto& p) -> auto& {return p.peak_measured;
}
}
, {"speedup", "1", "speed-up over the baseline", Use::training, [](auto& p) -> auto& {return p.speedup;
}
}
, {"efficiency", "1", "parallel efficiency against the baseline", Use::training,
   [](auto& p) -> auto& {return p.efficiency;
}
}
,

    {"bytes", "B", "size S of the collective, as nccl-tests counts it", Use::collective,
     [](auto& p) -> auto& {return p.bytes;
}
}
, {"time", "s", "calls back to back: time of one, mean over ranks", Use::collective,
   [](auto& p) -> auto& {return p.time;
}
}
, {"algbw", "B/s", "algorithm bandwidth: S / time", Use::collective, [](auto& p) -> auto& {return p.algbw;
}
}
, {"busbw", "B/s", "bus bandwidth, as nccl-tests defines it", Use::collective, [](auto& p) -> auto& {return p.busbw;
}
}
, {"wrong", "1", "wrong elements found by the data check", Use::collective, [](auto& p) -> auto& {return p.wrong;
}
}
,
}
;

constexpr IntegerColumn kIntegers[] = {
    {"ranks", "ranks that take part", Use::any, [](const Point& p) -> std::int64_t { return p.ranks; },
     [](Point& p, std::int64_t value) { p.ranks = static_cast<int>(value); }},
    {"nodes", "nodes of these ranks", Use::any, [](const Point& p) -> std::int64_t { return p.nodes; },
     [](Point& p, std::int64_t value) { p.nodes = static_cast<int>(value); }},
    {"threads", "threads of a rank", Use::any, [](const Point& p) -> std::int64_t { return p.threads; },
     [](Point& p, std::int64_t value) { p.threads = static_cast<int>(value); }},
    {"oversubscribed", "1 where there are more threads than cores", Use::any,
     [](const Point& p) -> std::int64_t { return p.oversubscribed; },
     [](Point& p, std::int64_t value) { p.oversubscribed = value != 0; }},
    {"samples", "counted iterations", Use::any,
     [](const Point& p) { return static_cast<std::int64_t>(p.step_time.samples); },
     [](Point& p, std::int64_t value) { p.step_time.samples = static_cast<std::size_t>(value); }},
    {"in_place", "1 where the send buffer is the receive buffer", Use::collective,
     [](const Point& p) -> std::int64_t { return p.in_place; },
     [](Point& p, std::int64_t value) { p.in_place = value != 0; }},
};

}  // namespace

std::span<const RealColumn> real_columns() { return kReals; }
std::span<const IntegerColumn> integer_columns() { return kIntegers; }

bool has_marked(const Point& point) {
  return std::ranges::any_of(point.iterations, [](const auto& i) { return i.kind == IterationKind::marked; });
}

bool is_collective(std::span<const Point* const> points) {
  return std::ranges::any_of(points, [](const Point* point) { return !std::isnan(point->bytes); });
}

double largest(std::span<const double> values) {
  double most = kUnknown;
  for (const double value : values) most = std::fmax(most, value);
  return most;
}

}  // namespace scalebench
