#include "app/measure/latency.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "app/measure/statistics.hpp"

namespace scalebench {

namespace {

constexpr std::size_t kLeastForP95 = 20, kLeastForP99 = 100;

// One answered request with its tokens' times.
struct Answered {
  const ServedRequest& request;
  std::vector<double> times{};
  std::vector<double> gaps() const {
    std::vector<double> gaps;
    for (std::size_t i = 1; i < times.size(); ++i) gaps.push_back(times[i] - times[i - 1]);
    return gaps;
  }
};

std::vector<Answered> answered(const DecodeResults& r) {
  std::vector<Answered> all;
  auto token = r.tokens.begin();
  for (const ServedRequest& request : r.served) {
    Answered one{request};
    for (; token != r.tokens.end() && token->request == request.request; ++token) one.times.push_back(token->time);
    if (std::isfinite(request.end)) all.push_back(std::move(one));
  }
  return all;
}

// The values of one request: those that percentiles are taken over.
std::vector<double> values_of(const Answered& a, LatencyMetric metric) {
  const auto tokens = static_cast<double>(a.times.size());
  switch (metric) {
    case LatencyMetric::ttft:
      return {a.request.first_token - a.request.arrival};
    case LatencyMetric::tpot:
      if (a.times.size() < 2) return {};
      return {(a.request.end - a.request.first_token) / (tokens - 1)};
    case LatencyMetric::itl_gap:
    case LatencyMetric::itl_tok:
      return a.gaps();
    case LatencyMetric::e2el:
      return {a.request.end - a.request.arrival};
  }
  return {};
}

bool good(const Answered& a, std::span<const LatencyLimit> limits) {
  return std::ranges::all_of(limits, [&](const LatencyLimit& limit) {
    return std::ranges::all_of(values_of(a, limit.metric), [&](double value) { return value <= limit.seconds; });
  });
}

Percentiles percentiles(const std::vector<double>& values) {
  Percentiles p;
  if (!values.empty()) p.p50 = quantile(values, 0.5);
  if (values.size() >= kLeastForP95) p.p95 = quantile(values, 0.95);
  if (values.size() >= kLeastForP99) p.p99 = quantile(values, 0.99);
  return p;
}

double mean(const std::vector<Answered>& all, std::int64_t ServedRequest::*field) {
  double sum = 0;
  for (const Answered& a : all) sum += static_cast<double>(a.request.*field);
  return all.empty() ? DecodeResults::kUnknown : sum / static_cast<double>(all.size());
}

void summarise_throughput(DecodeResults& r) {
  double first_end = std::numeric_limits<double>::infinity(), last_arrival = -first_end, last = 0;
  for (const ServedRequest& request : r.served) {
    if (std::isfinite(request.end)) first_end = std::min(first_end, request.end);
    if (std::isfinite(request.arrival)) last_arrival = std::max(last_arrival, request.arrival);
  }
  std::int64_t within = 0;
  for (const ServedToken& token : r.tokens) {
    last = std::max(last, token.time);
    if (token.time > first_end && token.time <= last_arrival) ++within;
  }
  if (last > 0) r.throughput_whole = static_cast<double>(r.tokens.size()) / last;
  r.serving_time = last;
  if (last_arrival > first_end && within > 0)
    r.throughput_steady = static_cast<double>(within) / (last_arrival - first_end);
}

}  // namespace

void summarise_latency(DecodeResults& r, std::span<const LatencyLimit> limits) {
  const std::vector<Answered> all = answered(r);
  r.requests = std::ssize(all);
  r.preemptions = std::accumulate(r.served.begin(), r.served.end(), std::int64_t{0},
                                  [](std::int64_t sum, const ServedRequest& s) { return sum + s.preemptions; });
  r.input_tokens = mean(all, &ServedRequest::input);
  r.output_tokens = mean(all, &ServedRequest::output);
  for (std::size_t metric = 0; metric < r.latency.size(); ++metric) {
    std::vector<double> pooled;
    for (const Answered& a : all)
      for (const double value : values_of(a, static_cast<LatencyMetric>(metric))) pooled.push_back(value);
    r.latency[metric] = percentiles(pooled);
  }
  summarise_throughput(r);
  const auto met = static_cast<double>(std::ranges::count_if(all, [&](const Answered& a) { return good(a, limits); }));
  if (r.serving_time > 0) r.goodput = met / r.serving_time;
  if (!r.served.empty()) r.good_share = met / static_cast<double>(r.served.size());
}

}  // namespace scalebench
