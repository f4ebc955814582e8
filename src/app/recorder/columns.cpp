#include "app/recorder/columns.hpp"

#include <algorithm>
#include <cmath>

#include "spec/serving.hpp"

namespace scalebench {
namespace {

template <double Point::*Field>
constexpr RealColumn of_point(std::string_view name, std::string_view units, std::string_view long_name, Kind kind) {
  return {name,
          units,
          long_name,
          kind,
          [](const Point& p) -> const double& { return p.*Field; },
          [](Point& p) -> double& { return p.*Field; }};
}

template <double Summary::*Field>
constexpr RealColumn of_step(std::string_view name, std::string_view long_name) {
  return {name,
          "s",
          long_name,
          Kind::any,
          [](const Point& p) -> const double& { return p.step_time.*Field; },
          [](Point& p) -> double& { return p.step_time.*Field; }};
}

template <double DecodeResults::*Field>
constexpr RealColumn of_decode(std::string_view name, std::string_view units, std::string_view long_name) {
  return {name,
          units,
          long_name,
          Kind::decode,
          [](const Point& p) -> const double& { return p.decode.*Field; },
          [](Point& p) -> double& { return p.decode.*Field; }};
}

template <double GpuResults::*Field>
constexpr RealColumn of_gpu(std::string_view name, std::string_view units, std::string_view long_name) {
  return {name,
          units,
          long_name,
          Kind::gpu,
          [](const Point& p) -> const double& { return p.gpu.*Field; },
          [](Point& p) -> double& { return p.gpu.*Field; }};
}

template <LatencyMetric Metric, double Percentiles::*Field>
constexpr RealColumn of_latency(std::string_view name, std::string_view long_name) {
  return {name,
          "s",
          long_name,
          Kind::decode,
          [](const Point& p) -> const double& { return p.decode.latency[static_cast<std::size_t>(Metric)].*Field; },
          [](Point& p) -> double& { return p.decode.latency[static_cast<std::size_t>(Metric)].*Field; }};
}

template <auto Field>
constexpr IntegerColumn counted(std::string_view name, std::string_view long_name) {
  return {name, long_name, Kind::decode, [](const Point& p) { return static_cast<std::int64_t>(p.decode.*Field); },
          [](Point& p, std::int64_t value) {
            p.decode.*Field = static_cast<std::remove_cvref_t<decltype(p.decode.*Field)>>(value);
          }};
}

using D = DecodeResults;
using M = LatencyMetric;
using Q = Percentiles;

constexpr RealColumn kReals[] = {
    of_step<&Summary::median>("step_time", "median step time (iteration: maximum over ranks)"),
    of_step<&Summary::mean>("step_time_mean", "mean step time"),
    of_step<&Summary::min>("step_time_min", "shortest step time"),
    of_step<&Summary::max>("step_time_max", "longest step time"),
    of_step<&Summary::p05>("step_time_p05", "5th percentile of the step time"),
    of_step<&Summary::p95>("step_time_p95", "95th percentile of the step time"),
    of_step<&Summary::ci_low>("step_time_ci_low", "lower end of the 95 % interval of the median step time"),
    of_step<&Summary::ci_high>("step_time_ci_high", "upper end of the 95 % interval of the median step time"),
    of_point<&Point::memory_estimate>("memory_estimate", "B", "memory of a rank as estimated before the run",
                                      Kind::any),
    of_point<&Point::marked_time>("marked_time", "s",
                                  "mean step time of the marked iterations, whose spans are recorded", Kind::step),
    of_point<&Point::muted_time>("muted_time", "s", "mean step time of the muted iterations, without communication",
                                 Kind::step),
    of_point<&Point::unmuted_less_muted>(
        "unmuted_less_muted", "s",
        "median step time less median muted step time: the cross-check of exposed + interference", Kind::training),
    of_point<&Point::unmuted_less_muted_ci_low>("unmuted_less_muted_ci_low", "s", "lower end of its 95 % interval",
                                                Kind::training),
    of_point<&Point::unmuted_less_muted_ci_high>("unmuted_less_muted_ci_high", "s", "upper end of its 95 % interval",
                                                 Kind::training),
    of_point<&Point::tokens_per_second>("tokens_per_second", "1/s",
                                        "summed tokens over summed time of the counted iterations, all ranks",
                                        Kind::training),
    of_point<&Point::flops_per_token_megatron>("flops_per_token_megatron", "1",
                                               "model FLOPs of a token: every GEMM with logits x 3, causal attention",
                                               Kind::training),
    of_point<&Point::flops_per_token_non_causal>("flops_per_token_non_causal", "1",
                                                 "model FLOPs of a token, with full attention: 6 x parameters without "
                                                 "the embedding + 12 layers heads head_dim sequence",
                                                 Kind::training),
    of_point<&Point::flops_per_token_6n>("flops_per_token_6n", "1", "model FLOPs of a token: 6 x parameters",
                                         Kind::training),
    of_point<&Point::mfu>("mfu", "1", "model FLOPs utilisation, against the peak of each operation's precision",
                          Kind::training),
    of_point<&Point::hfu>("hfu", "1", "hardware FLOPs utilisation, with recomputation, likewise", Kind::training),
    of_point<&Point::peak_measured>(
        "peak_measured", "1/s", "FLOPs per second of a rank in the best GEMM, all ranks of a node at once", Kind::step),
    of_point<&Point::peak_of_products>("peak_of_products", "1/s",
                                       "the same in the precision in which linear products multiply, if another one",
                                       Kind::training),
    of_point<&Point::share_in_products>("share_in_products", "1",
                                        "share of the model FLOPs that multiply in that precision", Kind::training),
    of_point<&Point::mfu_datasheet>("mfu_datasheet", "1", "as mfu, against the peaks of the GPU's datasheet",
                                    Kind::training),
    of_point<&Point::peak_datasheet>(
        "peak_datasheet", "1/s", "FLOPs per second of dense products of what tensors are stored in, by the datasheet",
        Kind::training),
    of_point<&Point::skipped_steps>("skipped_steps", "1", "steps whose scaled gradients overflowed: nothing updated",
                                    Kind::training),
    of_point<&Point::speedup>("speedup", "1", "speed-up over the baseline", Kind::step),
    of_point<&Point::efficiency>("efficiency", "1", "parallel efficiency against the baseline", Kind::step),
    of_point<&Point::bytes>("bytes", "B", "size S of the collective, as nccl-tests counts it", Kind::collective),
    of_point<&Point::time>("time", "s", "calls back to back: time of one, mean over ranks", Kind::collective),
    of_point<&Point::algbw>("algbw", "B/s", "algorithm bandwidth: S / time", Kind::collective),
    of_point<&Point::busbw>("busbw", "B/s", "bus bandwidth, as nccl-tests defines it", Kind::collective),
    of_point<&Point::wrong>("wrong", "1", "wrong elements found by the data check", Kind::collective),
    of_latency<M::ttft, &Q::p50>("ttft_p50", "50th percentile of the time to first token, queueing included"),
    of_latency<M::ttft, &Q::p95>("ttft_p95", "95th percentile of the time to first token, queueing included"),
    of_latency<M::ttft, &Q::p99>("ttft_p99", "99th percentile of the time to first token, queueing included"),
    of_latency<M::tpot, &Q::p50>(
        "tpot_p50", "50th percentile of the time per output token of a request, of those with two or more"),
    of_latency<M::tpot, &Q::p95>(
        "tpot_p95", "95th percentile of the time per output token of a request, of those with two or more"),
    of_latency<M::tpot, &Q::p99>(
        "tpot_p99", "99th percentile of the time per output token of a request, of those with two or more"),
    of_latency<M::itl_gap, &Q::p50>("itl_gap_p50", "50th percentile of the gap between tokens, all requests pooled"),
    of_latency<M::itl_gap, &Q::p95>("itl_gap_p95", "95th percentile of the gap between tokens, all requests pooled"),
    of_latency<M::itl_gap, &Q::p99>("itl_gap_p99", "99th percentile of the gap between tokens, all requests pooled"),
    of_latency<M::itl_tok, &Q::p50>("itl_tok_p50",
                                    "50th percentile of the gap between tokens over the tokens that come at once"),
    of_latency<M::itl_tok, &Q::p95>("itl_tok_p95",
                                    "95th percentile of the gap between tokens over the tokens that come at once"),
    of_latency<M::itl_tok, &Q::p99>("itl_tok_p99",
                                    "99th percentile of the gap between tokens over the tokens that come at once"),
    of_latency<M::e2el, &Q::p50>("e2el_p50", "50th percentile of the end-to-end latency of a request"),
    of_latency<M::e2el, &Q::p95>("e2el_p95", "95th percentile of the end-to-end latency of a request"),
    of_latency<M::e2el, &Q::p99>("e2el_p99", "99th percentile of the end-to-end latency of a request"),
    of_decode<&D::request_rate>("request_rate", "1/s", "requests that come in a second, of an open loop"),
    of_decode<&D::input_tokens>("input_tokens", "1", "tokens of a prompt, mean of the answered requests"),
    of_decode<&D::output_tokens>("output_tokens", "1", "tokens of an answer, mean"),
    of_decode<&D::goodput>("goodput", "1/s", "requests in a second that meet every stated limit"),
    of_decode<&D::good_share>("good_share", "1", "share of the requests that meet every stated limit"),
    of_decode<&D::throughput_steady>("throughput_steady", "1/s",
                                     "output tokens in a second, all ranks, from the first end to the last arrival"),
    of_decode<&D::throughput_whole>("throughput_whole", "1/s", "output tokens in a second, all ranks, whole run"),
    of_decode<&D::mbu>("mbu", "1",
                       "model bandwidth utilisation of the steps in which every sequence decodes, against "
                       "bandwidth_measured"),
    of_decode<&D::bandwidth_measured>("bandwidth_measured", "B/s",
                                      "memory that a rank reads in a second, all ranks of a node at once"),
    of_decode<&D::kv_occupancy>("kv_occupancy", "1", "share of the cache's blocks in use, mean over time"),
    of_decode<&D::communication_share>("communication_share", "1",
                                       "exposed communication and imbalance, of a marked step"),
    of_decode<&D::host_share>("host_share", "1", "launching and scheduling that nothing hides, of a marked step"),
    of_decode<&D::all_reduce_latency>("all_reduce_latency", "s", "mean time of an all_reduce of the marked steps"),
    of_decode<&D::serving_time>("serving_time", "s", "from the start of serving to the last token"),
    of_gpu<&GpuResults::energy_per_step>("energy_per_step", "J", "energy of a step, all GPUs together"),
    of_gpu<&GpuResults::throttled>("throttled", "1", "share of the counted iterations in which a GPU was slowed"),
};

constexpr IntegerColumn kIntegers[] = {
    {"ranks", "ranks that take part", Kind::any, [](const Point& p) -> std::int64_t { return p.ranks; },
     [](Point& p, std::int64_t value) { p.ranks = static_cast<int>(value); }},
    {"nodes", "nodes of these ranks", Kind::any, [](const Point& p) -> std::int64_t { return p.nodes; },
     [](Point& p, std::int64_t value) { p.nodes = static_cast<int>(value); }},
    {"threads", "threads of a rank", Kind::any, [](const Point& p) -> std::int64_t { return p.threads; },
     [](Point& p, std::int64_t value) { p.threads = static_cast<int>(value); }},
    {"oversubscribed", "1 where there are more threads than cores", Kind::any,
     [](const Point& p) -> std::int64_t { return p.oversubscribed; },
     [](Point& p, std::int64_t value) { p.oversubscribed = value != 0; }},
    {"samples", "counted iterations", Kind::any,
     [](const Point& p) { return static_cast<std::int64_t>(p.step_time.samples); },
     [](Point& p, std::int64_t value) { p.step_time.samples = static_cast<std::size_t>(value); }},
    {"in_place", "1 where the send buffer is the receive buffer", Kind::collective,
     [](const Point& p) -> std::int64_t { return p.in_place; },
     [](Point& p, std::int64_t value) { p.in_place = value != 0; }},
    counted<&D::tp>("tp", "tensor-parallel ranks"),
    counted<&D::dp>("dp", "replicas"),
    counted<&D::batch>("batch", "most sequences in one step, per replica"),
    counted<&D::concurrency>("concurrency", "requests under way, of the job; 0: they come by themselves"),
    counted<&D::asked>("asked", "requests of the plan"),
    counted<&D::requests>("requests", "requests that were answered"),
    counted<&D::preemptions>("preemptions", "times that a sequence gave up its blocks to be computed again"),
};

}  // namespace

std::span<const RealColumn> real_columns() { return kReals; }
std::span<const IntegerColumn> integer_columns() { return kIntegers; }

bool has_marked(const Point& point) {
  return std::ranges::any_of(point.iterations, [](const auto& i) { return i.kind == IterationKind::marked; });
}

Kind kind_of(std::span<const Point* const> points) {
  const auto any = [&](auto is) { return std::ranges::any_of(points, is); };
  if (any([](const Point* point) { return !std::isnan(point->bytes); })) return Kind::collective;
  return any([](const Point* point) { return point->decode.present(); }) ? Kind::decode : Kind::training;
}

bool watched(std::span<const Point* const> points) {
  return std::ranges::any_of(points, [](const Point* point) { return point->gpu.present(); });
}

double largest(std::span<const double> values) {
  double most = kUnknown;
  for (const double value : values) most = std::fmax(most, value);
  return most;
}

}  // namespace scalebench
