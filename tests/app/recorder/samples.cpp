#include "tests/app/recorder/samples.hpp"

#include <algorithm>
#include <cmath>
#include <fstream>
#include <sstream>

#include <fmt/format.h>
#include <stdlib.h>

namespace scalebench::test {
namespace {

using Reals = std::vector<double>;

Reals reals(std::size_t count, double first) {
  Reals values(count);
  for (std::size_t i = 0; i < count; ++i) values[i] = first + 0.001 * static_cast<double>(i) + 1e-17;
  return values;
}

Iteration iteration(std::int64_t index, IterationKind kind, std::size_t ranks) {
  Iteration made{.index = index, .kind = kind, .samples = reals(ranks, 1.0 + static_cast<double>(index))};
  if (kind == IterationKind::marked) {
    made.phases.resize(ranks);
    for (std::size_t rank = 0; rank < ranks; ++rank)
      for (std::size_t i = 0; i < kPhases; ++i)
        made.phases[rank][i] = static_cast<double>(rank) + 0.01 * static_cast<double>(i);
    made.phases[0][3] = kUnknown;
    made.phases_total = reals(ranks, 2.5);
  }
  if (kind == IterationKind::counted) made.loss = 3.0 / static_cast<double>(index + 1);
  if (index == 1) made.gradient_norm = 0.125;
  return made;
}

Point training_point(int ranks) {
  const auto count = static_cast<std::size_t>(ranks);
  Point point{.ranks = ranks, .nodes = 2, .threads = 3, .oversubscribed = true, .stop_reason = "target_ci"};
  for (const auto& [index, kind] : {std::pair{-2, IterationKind::warmup},
                                    {-1, IterationKind::warmup},
                                    {0, IterationKind::counted},
                                    {1, IterationKind::counted},
                                    {2, IterationKind::marked},
                                    {3, IterationKind::muted}})
    point.iterations.push_back(iteration(index, kind, count));
  point.iterations[1].samples[count - 1] = kUnknown;
  point.spans = {{0, "compute", "gemm", "compute", 0.1, 0.2, 0.3, 0.4, 1e12, 2e6},
                 {ranks - 1, "dp gather", "all_gather", "communication", 0.5, 0.6, kUnknown, 0.8, 0, 3e9}};
  point.step_time = {.samples = 2,
                     .median = 1.5,
                     .mean = 1.6,
                     .min = 1.25,
                     .max = 2,
                     .p05 = kUnknown,
                     .p95 = 1.9,
                     .ci_low = 1.375,
                     .ci_high = 1.625};
  point.marked_time = 1.75, point.muted_time = 1.125;
  for (std::size_t i = 0; i < kPhases; ++i) point.phases[i] = 0.1 * static_cast<double>(i + 1);
  point.phases[4] = kUnknown;
  point.tokens_per_second = 4096, point.flops_per_token_megatron = 433.1e9, point.flops_per_token_non_causal = 449.2e9;
  point.flops_per_token_6n = 423.3e9, point.mfu = 0.5, point.hfu = 0.625, point.peak_measured = 1e14;
  point.peak_of_products = 2e14, point.share_in_products = 0.75;
  point.mfu_datasheet = 0.375, point.peak_datasheet = 1.25e14;
  point.speedup = 2.0 / 3, point.efficiency = 1.0 / 3, point.memory_estimate = 5e9;
  point.memory_peak = reals(count, 6e9), point.memory_allocated = reals(count, 4e9);
  point.host_memory = reals(count, 3e9);
  for (std::size_t rank = 0; rank < count; ++rank)
    for (std::size_t i = 0; i < kGpuFigures; ++i)
      (rank < point.gpu.ranks.size() ? point.gpu.ranks[rank] : point.gpu.ranks.emplace_back())[i] =
          static_cast<double>(rank) + 0.01 * static_cast<double>(i);
  at(point.gpu.ranks[0], GpuFigure::energy_per_step) = kUnknown;
  point.gpu.energy_per_step = kUnknown, point.gpu.throttled = 0.5;
  point.iterations[2].throttled = std::vector<double>(count, 1.0);
  point.iterations[3].throttled = std::vector<double>(count, 0.0);
  point.iterations[3].throttled[0] = kUnknown;
  return point;
}

DecodeResults decode_results(int concurrency, double rate) {
  DecodeResults r{.tp = 2, .dp = 3, .batch = 4, .concurrency = concurrency, .request_rate = rate};
  r.requests = 2, r.preemptions = 5, r.asked = 7, r.input_tokens = 12.5, r.output_tokens = 1.5;
  for (std::size_t metric = 0; metric < r.latency.size(); ++metric)
    r.latency[metric] = {.p50 = 0.1 + static_cast<double>(metric), .p95 = 0.2 + static_cast<double>(metric)};
  r.latency.back().p99 = 0.3;
  r.goodput = 1.25, r.good_share = 0.75, r.throughput_steady = kUnknown, r.throughput_whole = 17;
  r.mbu = 0.9, r.bandwidth_measured = 1e10, r.kv_occupancy = 0.6, r.communication_share = 0.01, r.host_share = 0.02;
  r.all_reduce_latency = 1e-4, r.serving_time = 3.5;
  r.served = {{.request = 0, .replica = 1, .arrival = 0, .first_token = 0.5, .end = 1, .input = 12, .output = 2},
              {.request = 1, .replica = 0, .arrival = 0.25, .first_token = 2, .end = 2, .input = 13, .output = 1},
              {.request = 4, .replica = 2, .arrival = 3, .first_token = kUnknown, .end = kUnknown, .input = 9}};
  r.served[1].preemptions = 5;
  r.tokens = {{0, 151935, 0.5}, {0, 0, 1}, {1, 7, 2}};
  return r;
}

std::string text(double value) { return std::isnan(value) ? "?" : fmt::format("{:a}", value); }

std::string text(const Attributes& attributes) {
  std::string all;
  for (const auto& [name, value] : attributes)
    all += name + "=" +
           std::visit(
               [&](const auto& v) {
                 if constexpr (std::is_same_v<std::decay_t<decltype(v)>, double>)
                   return "real " + text(v);
                 else
                   return fmt::format("{} {}", value.index(), v);
               },
               value) +
           "; ";
  return all;
}

template <class Values>
std::string list(const Values& values) {
  std::string all;
  for (const double value : values) all += text(value) + " ";
  return fmt::format("{}({})", values.size(), all);
}

std::string text(const Iteration& i) {
  std::string all = fmt::format("\n iteration {} {} {} loss {} norm {} total {}", i.index, static_cast<int>(i.kind),
                                list(i.samples), text(i.loss), text(i.gradient_norm), list(i.phases_total));
  all += " slowed " + list(i.throttled);
  for (const Phases& phases : i.phases) all += "\n  phases " + list(phases);
  return all;
}

std::string text(const DecodeResults& r) {
  std::string all = fmt::format("\n decode {} {} {} {} {} {} {} ", r.tp, r.dp, r.batch, r.concurrency, r.requests,
                                r.preemptions, r.asked);
  all += list(Reals{r.request_rate, r.input_tokens, r.output_tokens, r.goodput, r.good_share, r.throughput_steady,
                    r.throughput_whole, r.mbu, r.bandwidth_measured, r.kv_occupancy, r.communication_share,
                    r.host_share, r.all_reduce_latency, r.serving_time});
  for (const Percentiles& p : r.latency) all += list(Reals{p.p50, p.p95, p.p99});
  for (const ServedRequest& s : r.served)
    all += fmt::format("\n request {} {} {} {} {} {}", s.request, s.replica, s.input, s.output, s.preemptions,
                       list(Reals{s.arrival, s.first_token, s.end}));
  for (const ServedToken& t : r.tokens) all += fmt::format("\n token {} {} {}", t.request, t.id, text(t.time));
  return all;
}

std::string text(const Point& p) {
  const Summary& s = p.step_time;
  std::string all = fmt::format("\npoint {} {} {} {} '{}' {}", p.ranks, p.nodes, p.threads, p.oversubscribed,
                                p.stop_reason, p.in_place);
  all += fmt::format(" summary {} {}", s.samples,
                     list(Reals{s.median, s.mean, s.min, s.max, s.p05, s.p95, s.ci_low, s.ci_high}));
  all += list(p.phases) + list(p.memory_peak) + list(p.memory_allocated) + list(p.host_memory);
  all += list(Reals{p.marked_time,
                    p.muted_time,
                    p.tokens_per_second,
                    p.flops_per_token_megatron,
                    p.flops_per_token_non_causal,
                    p.flops_per_token_6n,
                    p.mfu,
                    p.hfu,
                    p.peak_measured,
                    p.peak_of_products,
                    p.share_in_products,
                    p.mfu_datasheet,
                    p.peak_datasheet,
                    p.speedup,
                    p.efficiency,
                    p.memory_estimate,
                    p.bytes,
                    p.time,
                    p.algbw,
                    p.busbw,
                    p.wrong});
  if (p.decode.present()) all += text(p.decode);
  if (p.gpu.present()) all += "\n gpu " + list(Reals{p.gpu.energy_per_step, p.gpu.throttled});
  for (const GpuFigures& figures : p.gpu.ranks) all += "\n  figures " + list(figures);
  for (const Iteration& i : p.iterations) all += text(i);
  for (const SpanRow& s2 : p.spans)
    all += fmt::format("\n span {} '{}' '{}' '{}' {}", s2.rank, s2.lane, s2.name, s2.part,
                       list(Reals{s2.issued, s2.launched, s2.start, s2.end, s2.flops, s2.bytes}));
  return all;
}

}  // namespace

Measurement training_run(int points) {
  Measurement run{
      .workload = "fsdp70b", .command = "scalebench --workload fsdp70b\t--scale 2,4\n", .shrunk = "4 layers"};
  run.kind = "predicted", run.scaling = "weak", run.status = "stopped", run.run_id = "6f1c",
  run.created = "2025-01-31T12:00:00Z";
  run.baseline_ranks = 2, run.complete = true;
  run.environment = {{"host", "n\xC3\xA4he \xE2\x82\xAC \xF0\x9F\x9A\x80"},
                     {"control", "a\x01\x1b[0m\x7f"},
                     {"empty", ""},
                     {"cores", std::int64_t{-5}},
                     {"load", 0.1},
                     {"power", kUnknown},
                     {"long", std::string(100'000, 'x')}};
  run.model = {{"name", "llama3-70b"}, {"layers", std::int64_t{4}}, {"rung", "L4-H1024"}};
  run.plan = {{"dp", std::int64_t{2}}, {"micro_batch", std::int64_t{1}}, {"prefetch", std::int64_t{1}}};
  run.machine = {{"memory", 8e10}};
  for (int i = 0; i < points; ++i) run.points.push_back(training_point(2 << i));
  return run;
}

Measurement collective_run() {
  Measurement run{
      .workload = "all_reduce", .command = "scalebench", .status = "complete", .run_id = "7", .complete = true};
  for (const bool in_place : {false, true}) {
    Point point{.ranks = 2, .stop_reason = "max_iterations", .step_time = {.samples = 20, .median = 1e-5}};
    point.bytes = 8, point.in_place = in_place, point.time = 1.5e-5, point.algbw = 5e5, point.busbw = 5e5,
    point.wrong = 0;
    point.phases.fill(kUnknown);
    point.iterations.push_back({.index = 0, .kind = IterationKind::counted, .samples = {1e-5, 2e-5}});
    run.points.push_back(point);
  }
  return run;
}

Measurement decode_run() {
  Measurement run{.workload = "decode_qwen3_8b", .command = "scalebench", .status = "complete", .complete = true};
  run.plan = {{"arrivals", "open"},          {"batch", std::int64_t{4}},
              {"tp", std::int64_t{2}},       {"concurrency", std::int64_t{3}},
              {"requests", std::int64_t{7}}, {"request_rate", kUnknown},
              {"kv_bytes", std::int64_t{0}}, {"goodput", "ttft:0.2"}};
  run.found_rate = FoundRate{.rate = 2.5, .text = "highest rate within ttft:0.2: 2.5 requests/s; 2.7 fails: 91 % good"};
  for (const bool closed : {true, false}) {
    Point point{.ranks = 6, .stop_reason = "requests", .step_time = {.samples = 9, .median = 1e-2}};
    point.phases.fill(kUnknown);
    point.decode = decode_results(closed ? 3 : 0, closed ? kUnknown : 2.5);
    point.iterations.push_back({.index = 0, .kind = IterationKind::counted, .samples = reals(6, 0.01)});
    point.iterations[0].samples[3] = kUnknown;  // of a replica that ran fewer steps
    run.points.push_back(point);
  }
  return run;
}

Point small_point(int number) {
  Point point{.ranks = 2, .stop_reason = fmt::format("point {}", number)};
  point.phases.fill(kUnknown);
  for (int i = 0; i < 8; ++i)
    point.iterations.push_back({.index = i, .kind = IterationKind::counted, .samples = reals(2, number + 0.1 * i)});
  return point;
}

std::string describe(const Measurement& run) {
  std::string all =
      fmt::format("'{}' '{}' '{}' {} {} {} {} {} {} {}\n", run.workload, run.command, run.shrunk, run.kind, run.scaling,
                  run.status, run.run_id, run.created, run.baseline_ranks, run.complete);
  all += text(run.environment) + text(run.model) + text(run.plan) + text(run.machine);
  if (run.found_rate) all += fmt::format("\nfound {} '{}'", text(run.found_rate->rate), run.found_rate->text);
  for (const Point& point : run.points) all += text(point);
  return all;
}

Folder::Folder() {
  std::string name = (std::filesystem::temp_directory_path() / "scalebench-XXXXXX").string();
  if (::mkdtemp(name.data()) == nullptr) throw std::runtime_error("no folder for the test");
  path_ = name;
}

Folder::~Folder() {
  std::error_code none;
  std::filesystem::remove_all(path_, none);
}

std::vector<std::string> Folder::names() const {
  std::vector<std::string> found;
  for (const auto& entry : std::filesystem::directory_iterator(path_))
    found.push_back(entry.path().filename().string());
  std::ranges::sort(found);
  return found;
}

std::string contents(const std::filesystem::path& file) {
  std::ostringstream text;
  text << std::ifstream(file, std::ios::binary).rdbuf();
  return text.str();
}

void put(const std::filesystem::path& file, const std::string& text) { std::ofstream(file, std::ios::binary) << text; }

}  // namespace scalebench::test
