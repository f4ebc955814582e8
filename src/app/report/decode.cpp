#include "app/report/decode.hpp"

#include <algorithm>
#include <cmath>

#include <fmt/format.h>

#include "app/job_serving.hpp"
#include "app/report/gpu.hpp"
#include "app/report/report.hpp"
#include "base/units.hpp"

namespace scalebench {

namespace {

std::string duration(double seconds) { return std::isnan(seconds) ? "n small" : format_duration(seconds); }

std::string rate(double tokens) { return std::isnan(tokens) ? "-" : format_count(tokens); }

std::string percent(double share) { return std::isnan(share) ? "-" : fmt::format("{:.1f} %", 100 * share); }

const Percentiles& of(const Point& p, LatencyMetric metric) {
  return p.decode.latency[static_cast<std::size_t>(metric)];
}

std::string how_they_come(const DecodeResults& r) {
  if (r.concurrency > 0) return fmt::format("{} under way at a time", r.concurrency);
  if (!std::isnan(r.request_rate)) return fmt::format("{:.4g} in a second (Poisson)", r.request_rate);
  return "as the trace says";
}

std::string table(const std::vector<Point>& points) {
  std::string text = fmt::format("  {:>5} {:>3} {:>3} {:>6} {:>8} {:>10} {:>10} {:>10} {:>10} {:>11} {:>10} {:>8}\n",
                                 "ranks", "tp", "dp", "batch", "under way", "tokens/s", "per rank", "TTFT p50",
                                 "TPOT p50", "requests/s", "good", "MBU");
  for (const Point& p : points) {
    const DecodeResults& r = p.decode;
    const double tokens = std::isnan(r.throughput_steady) ? r.throughput_whole : r.throughput_steady;
    text += fmt::format("  {:>5} {:>3} {:>3} {:>6} {:>9} {:>10} {:>10} {:>10} {:>10} {:>11} {:>10} {:>8}\n", p.ranks,
                        r.tp, r.dp, r.batch, r.concurrency > 0 ? fmt::format("{}", r.concurrency) : "-", rate(tokens),
                        rate(tokens / p.ranks), duration(of(p, LatencyMetric::ttft).p50),
                        duration(of(p, LatencyMetric::tpot).p50),
                        std::isnan(r.request_rate) ? "-" : fmt::format("{:.4g}", r.request_rate), percent(r.good_share),
                        percent(r.mbu));
  }
  return text;
}

std::string latencies(const Point& p) {
  constexpr std::pair<LatencyMetric, std::string_view> kShown[] = {{LatencyMetric::ttft, "TTFT"},
                                                                   {LatencyMetric::tpot, "TPOT"},
                                                                   {LatencyMetric::itl_gap, "ITL_gap"},
                                                                   {LatencyMetric::itl_tok, "ITL_tok"},
                                                                   {LatencyMetric::e2el, "E2EL"}};
  std::string text = fmt::format("  {:<14}{:>12}{:>12}{:>12}\n", "latency", "p50", "p95", "p99");
  for (const auto& [metric, name] : kShown) {
    const Percentiles& q = of(p, metric);
    text += fmt::format("    {:<12}{:>12}{:>12}{:>12}\n", name, duration(q.p50), duration(q.p95), duration(q.p99));
  }
  return text;
}

std::string parts(const Point& point) {
  std::string text;
  for (std::size_t phase = 0; phase < kPhases; ++phase) {
    const double share = 100 * point.phases[phase] / point.marked_time;
    if (std::abs(share) < 0.05) continue;
    text += fmt::format("{}{} {:.1f} %", text.empty() ? "" : ", ", kPhaseNames[phase], share);
  }
  return text;
}

std::string details(const Point& p, const Assignment& a) {
  const DecodeResults& r = p.decode;
  std::string text;
  const auto line = [&](std::string_view name, const std::string& value) {
    text += fmt::format("  {:<14}{}\n", name, value);
  };
  if (r.requests == 0)
    return fmt::format("  no request of {} was answered ({}): raise --max-seconds, or the rate at which they come\n",
                       r.asked, p.stop_reason);
  line("requests",
       fmt::format("{} of {} answered in {} ({}), {}; prompts of {:.4g} tokens, answers of {:.4g}", r.requests, r.asked,
                   format_duration(r.serving_time), p.stop_reason, how_they_come(r), r.input_tokens, r.output_tokens));
  if (p.stop_reason == "max_seconds")
    line("", fmt::format("cut short: {} requests were left out; raise --max-seconds to serve all of them",
                         a.serving.requests - r.requests));
  text += latencies(p);
  if (!a.serving.limits.empty())
    line("goodput", fmt::format("{:.4g} requests/s within {} ({} of all)", r.goodput, text_of(a.serving.limits),
                                percent(r.good_share)));
  line("throughput", fmt::format("{} tokens/s in the steady window, {} over the whole run; {} and {} a rank",
                                 rate(r.throughput_steady), rate(r.throughput_whole),
                                 rate(r.throughput_steady / p.ranks), rate(r.throughput_whole / p.ranks)));
  line("step", fmt::format("{} (p5 {}, p95 {}, n={})", format_duration(p.step_time.median), duration(p.step_time.p05),
                           duration(p.step_time.p95), p.step_time.samples));
  line("MBU", fmt::format("{} of {}/s that a rank reads, measured; of the steps in which every sequence decodes",
                          percent(r.mbu), format_bytes(r.bandwidth_measured)));
  line("KV cache", fmt::format("{} of its blocks in use, {} pre-emptions", percent(r.kv_occupancy), r.preemptions));
  line("parts", parts(p));
  line("", fmt::format("of a marked step of a full batch, {}", format_duration(p.marked_time)));
  if (!std::isnan(r.all_reduce_latency))
    line("communication", fmt::format("{} of the step; an all_reduce takes {}", percent(r.communication_share),
                                      format_duration(r.all_reduce_latency)));
  line("host", fmt::format("{} of the step", percent(r.host_share)));
  line("memory", fmt::format("{} a rank (dry run {})", format_bytes(*std::ranges::max_element(p.memory_allocated)),
                             format_bytes(p.memory_estimate)));
  if (const std::string gpu = gpu_text(p); !gpu.empty()) line("GPU", gpu);
  return text;
}

}  // namespace

std::string report_decode(const Measurement& m, const Job& job) {
  if (m.points.empty()) return "no point was finished\n";
  const Assignment& a = job.points[std::min(m.points.size(), job.points.size()) - 1].assignment;
  const Point& last = m.points.back();
  std::string text = fmt::format("{} on {} rank{} (tp {}, dp {}) x {} thread{}, {}, cache {}, batch {}\n",
                                 m.shrunk.empty() ? m.workload : m.shrunk, last.ranks, last.ranks == 1 ? "" : "s",
                                 a.plan.tp, a.plan.dp, last.threads, last.threads == 1 ? "" : "s",
                                 name_of(a.plan.dtype), name_of(a.serving.kv_dtype), a.serving.batch);
  if (m.points.size() > 1) text += table(m.points) + "  the last point\n";
  text += details(last, a);
  if (m.found_rate) text += fmt::format("  {}\n", m.found_rate->text);
  if (last.oversubscribed)
    text += fmt::format("  {}\n", verdict(last, static_cast<int>(std::get<std::int64_t>(m.machine.at("cores")))));
  return text;
}

}  // namespace scalebench
