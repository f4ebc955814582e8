#include "app/report/training.hpp"

#include <algorithm>
#include <cmath>

#include <fmt/format.h>

#include "app/report/gpu.hpp"
#include "app/report/report.hpp"
#include "base/units.hpp"

namespace scalebench {

namespace {

std::int64_t cores_of(const Measurement& m) { return std::get<std::int64_t>(m.machine.at("cores")); }

std::string counted(int n, std::string_view noun) { return fmt::format("{} {}{}", n, noun, n == 1 ? "" : "s"); }

std::string interval(const Summary& s) {
  if (std::isnan(s.ci_low)) return fmt::format("n={}, too small for an interval", s.samples);
  return fmt::format("95 % of the median: {} .. {}, n={}", format_duration(s.ci_low), format_duration(s.ci_high),
                     s.samples);
}

std::string losses(const Point& point) {
  std::vector<double> known;
  for (const Iteration& i : point.iterations)
    if (std::isfinite(i.loss)) known.push_back(i.loss);
  if (known.empty()) return "none";
  return fmt::format("{:.4f} -> {:.4f} over {} steps", known.front(), known.back(), known.size());
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

// Of fp16: how the scale of the loss went, and the steps that overflowed.
std::string loss_scale(const Point& point) {
  std::vector<double> known;
  for (const Iteration& i : point.iterations)
    if (std::isfinite(i.loss_scale)) known.push_back(i.loss_scale);
  if (known.empty()) return "";
  std::string text = fmt::format("{:g} -> {:g}", known.front(), known.back());
  if (point.skipped_steps > 0)
    text += fmt::format("; {} of {} steps skipped, whose gradients overflowed", point.skipped_steps, known.size());
  return text;
}

double most(const std::vector<double>& values) { return *std::max_element(values.begin(), values.end()); }

// The device's own count against the dry run; what libraries take comes on top.
std::string memory(const Point& p, const Measurement& m) {
  const auto of_gpu = m.machine.find("gpu_memory");
  const double share = of_gpu != m.machine.end()
                           ? std::get<double>(of_gpu->second)
                           : std::get<double>(m.machine.at("memory")) /
                                 static_cast<double>(std::get<std::int64_t>(m.machine.at("ranks_per_node")));
  const double allocated = most(p.memory_allocated), peak = most(p.memory_peak);
  const std::string host =
      p.host_memory.empty() ? "" : fmt::format(", {} of the host's memory", format_bytes(most(p.host_memory)));
  return fmt::format("{} a rank (dry run {}, {:+.1f} %){}, with libraries and their scratch {} of its share of {}",
                     format_bytes(allocated), format_bytes(p.memory_estimate),
                     100 * (p.memory_estimate / allocated - 1), host, format_bytes(peak), format_bytes(share));
}

// What the step loses to communication, by the other way of measuring it.
std::string cross_check(const Point& p) {
  if (std::isnan(p.muted_time)) return "";
  std::string text = fmt::format("; without communication a step is {} shorter", format_duration(p.unmuted_less_muted));
  if (!std::isnan(p.unmuted_less_muted_ci_low))
    text += fmt::format(" (95 %: {} .. {})", format_duration(p.unmuted_less_muted_ci_low),
                        format_duration(p.unmuted_less_muted_ci_high));
  return text;
}

// Which peak the utilisation is of: of several precisions, each at its own.
std::string peaks(const Point& p, const ParallelPlan& plan) {
  const std::string plain =
      fmt::format("the measured {} peak, {}FLOP/s a rank", name_of(plan.dtype), format_count(p.peak_measured));
  if (plan.products == Products::plain) return plain;
  return fmt::format("the measured {} peak, {}FLOP/s a rank, of {:.1f} % of the FLOPs, and of {} of the others",
                     precision_name(plan), format_count(p.peak_of_products), 100 * p.share_in_products, plain);
}

// Tokens/s if all ranks computed at their peaks all the time.
double tokens_at_peak(const Point& p) { return p.tokens_per_second / p.mfu; }

// The whole of one point.
std::string details(const Point& p, const Assignment& a, const Measurement& m) {
  std::string text;
  const auto line = [&](std::string_view name, const std::string& value) {
    text += fmt::format("  {:<14}{}\n", name, value);
  };
  line("step", fmt::format("{} ({})", format_duration(p.step_time.median), interval(p.step_time)));
  line("throughput",
       fmt::format("{} tokens/s over {}; at the measured peak it would be {}", format_count(p.tokens_per_second),
                   counted(p.ranks, "rank"), format_count(tokens_at_peak(p))));
  line("model FLOPs",
       fmt::format("{:.4g} GFLOP a token (megatron); {:.4g} (non-causal), {:.4g} (6N)",
                   p.flops_per_token_megatron / 1e9, p.flops_per_token_non_causal / 1e9, p.flops_per_token_6n / 1e9));
  line("MFU",
       fmt::format("{:.1f} % of {}; with recomputation (HFU) {:.1f} %", 100 * p.mfu, peaks(p, a.plan), 100 * p.hfu));
  if (!std::isnan(p.mfu_datasheet))
    line("", fmt::format("{:.1f} % of the datasheet's dense peak{}", 100 * p.mfu_datasheet,
                         a.plan.products == Products::plain ? fmt::format(", {}FLOP/s", format_count(p.peak_datasheet))
                                                            : "s, of each precision its own"));
  line("parts", parts(p));
  line("", fmt::format("of {} marked steps' {}{}",
                       std::count_if(p.iterations.begin(), p.iterations.end(),
                                     [](const Iteration& i) { return i.kind == IterationKind::marked; }),
                       format_duration(p.marked_time), cross_check(p)));
  line("loss", losses(p));
  if (const std::string scale = loss_scale(p); !scale.empty()) line("loss scale", scale);
  line("memory", memory(p, m));
  if (const std::string gpu = gpu_text(p); !gpu.empty()) line("GPU", gpu);
  return text;
}

std::string table(const std::vector<Point>& points) {
  std::string text = fmt::format("  {:>6} {:>12} {:>9} {:>14} {:>9} {:>11} {:>7}  {}\n", "ranks", "step", "+-",
                                 "tokens/s", "speed-up", "efficiency", "MFU", "ended by");
  for (const Point& p : points) {
    const double half = 50 * (p.step_time.ci_high - p.step_time.ci_low) / p.step_time.median;
    text +=
        fmt::format("  {:>6} {:>12} {:>9} {:>14} {:>9.2f} {:>10.1f}% {:>6.1f}%  {}{}\n", p.ranks,
                    format_duration(p.step_time.median), std::isnan(half) ? "n small" : fmt::format("{:.1f} %", half),
                    format_count(p.tokens_per_second), p.speedup, 100 * p.efficiency, 100 * p.mfu, p.stop_reason,
                    p.oversubscribed ? ", oversubscribed" : "");
  }
  return text;
}

}  // namespace

std::string report_training(const Measurement& m, const Job& job) {
  if (m.points.empty()) return "no point was finished\n";
  const Assignment& a = job.points[std::min(m.points.size(), job.points.size()) - 1].assignment;
  const Point& last = m.points.back();
  std::string text = fmt::format("{} on {} x {}, {}, batch {}, sequence {}\n", m.shrunk.empty() ? m.workload : m.shrunk,
                                 counted(last.ranks, "rank"), counted(last.threads, "thread"), precision_name(a.plan),
                                 a.plan.global_batch, a.plan.sequence);
  if (m.points.size() > 1)
    text += fmt::format("  {} scaling, over {}\n{}", m.scaling, counted(m.baseline_ranks, "rank"), table(m.points));
  text += details(last, a, m);
  text += "  " + verdict(last, static_cast<int>(cores_of(m))) + "\n";
  return text;
}

}  // namespace scalebench
