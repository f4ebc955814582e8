#include "app/find_rate.hpp"

#include <cmath>

#include <fmt/format.h>

#include "app/job_serving.hpp"
#include "base/units.hpp"

namespace scalebench {

namespace {

constexpr double kSpare = 1.5;  // of --max-seconds, so that a rate is not tried whose requests come too slowly

double alone(const Point& point, LatencyMetric metric) {
  return point.decode.latency[static_cast<std::size_t>(metric)].p50;
}

}  // namespace

void FindRate::follow(const Point& point, Job& job, Measurement& m, Control& control) {
  if (!options_.find_rate) return;
  double rate = kUnknown;
  if (control.rank() == 0 && point.stop_reason != "stopped") {
    const std::optional<double> next = judged(point, job);
    rate = next.value_or(kUnknown);
    if (!next) m.found_rate = found(point);
  }
  rate = control.broadcast({&rate, 1}, control.world())[0];
  if (std::isfinite(rate)) job.points.push_back(at_rate(options_, job.workload, job.points.front(), rate));
}

std::optional<double> FindRate::judged(const Point& point, const Job& job) {
  const DecodeResults& r = point.decode;
  if (search_) {
    search_->learn({.rate = r.request_rate, .good_share = r.good_share, .cut = point.stop_reason != "requests"});
    return search_->next();
  }
  if (!(r.good_share > 0)) return std::nullopt;
  const PointPlan few = at_rate(options_, job.workload, job.points.front(), 0);
  const double least = kSpare * static_cast<double>(few.assignment.serving.requests) / options_.max_seconds;
  search_.emplace(r.dp / alone(point, LatencyMetric::e2el), least);
  return search_->next();
}

FoundRate FindRate::found(const Point& point) const {
  const std::string limits = text_of(options_.goodput);
  if (search_) return {search_->found(), fmt::format("highest rate within {}: {}", limits, search_->text())};
  const double ttft = alone(point, LatencyMetric::ttft), e2el = alone(point, LatencyMetric::e2el);
  return {.text = std::isnan(e2el) ? fmt::format("no rate within {}: no request was answered", limits)
                                   : fmt::format("no rate within {}: not one request meets it alone (TTFT {}, E2EL {})",
                                                 limits, format_duration(ttft), format_duration(e2el))};
}

}  // namespace scalebench
