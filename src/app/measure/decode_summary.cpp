#include "app/measure/decode_summary.hpp"

#include <algorithm>
#include <cmath>

#include "app/measure/latency.hpp"
#include "app/measure/statistics.hpp"
#include "collectives/collective.hpp"

namespace scalebench {

namespace {

constexpr std::ptrdiff_t kRequestFields = 6;

// Of the first rank of a replica: each request, with its tokens behind it.
std::vector<double> packed(const DecodeSamples& mine) {
  std::vector<double> row;
  if (mine.place != 0) return row;
  for (const Answer& a : mine.answers) {
    row.insert(row.end(), {static_cast<double>(a.request), static_cast<double>(mine.replica), a.arrival,
                           static_cast<double>(a.input), static_cast<double>(a.preemptions), a.ended ? 1.0 : 0.0,
                           static_cast<double>(a.ids.size())});
    for (std::size_t i = 0; i < a.ids.size(); ++i) row.insert(row.end(), {static_cast<double>(a.ids[i]), a.times[i]});
  }
  return row;
}

struct Unpacked {
  ServedRequest request{};
  std::vector<ServedToken> tokens{};
};

std::vector<Unpacked> unpacked(const std::vector<std::vector<double>>& rows) {
  std::vector<Unpacked> all;
  for (const auto& row : rows)
    for (auto at = row.begin(); at != row.end();) {
      Unpacked& one = all.emplace_back();
      one.request = {.request = static_cast<std::int64_t>(at[0]),
                     .replica = static_cast<int>(at[1]),
                     .arrival = at[2],
                     .first_token = kUnknown,
                     .end = kUnknown,
                     .input = static_cast<std::int64_t>(at[3]),
                     .output = static_cast<std::int64_t>(at[kRequestFields]),
                     .preemptions = static_cast<std::int64_t>(at[4])};
      const bool ended = at[5] > 0;
      at += kRequestFields + 1;
      for (std::int64_t i = 0; i < one.request.output; ++i, at += 2)
        one.tokens.push_back({one.request.request, static_cast<std::int32_t>(at[0]), at[1]});
      if (!one.tokens.empty()) one.request.first_token = one.tokens.front().time;
      if (ended) one.request.end = one.tokens.back().time;
    }
  std::ranges::sort(all, {}, [](const Unpacked& one) { return one.request.request; });
  return all;
}

// Work and time that rates are made of, of one rank.
struct Sums {
  double bytes = 0, time = 0;          // of the steps in which every sequence decodes
  double occupancy = 0, all_time = 0;  // of all steps, weighted by their time
};

Sums sums_of(const std::vector<ServedStep>& steps) {
  Sums sums;
  for (const ServedStep& step : steps) {
    const double time = step.end - step.begin;
    sums.occupancy += step.occupancy * time;
    sums.all_time += time;
    if (step.prompt_rows > 0) continue;
    sums.bytes += step.bytes;
    sums.time += time;
  }
  return sums;
}

// A replica's step ends when the last of its ranks is through; replicas don't wait for each other.
Summary steps_of_replicas(const Point& point, const std::vector<int>& replicas) {
  std::vector<double> times;
  for (const Iteration& i : point.iterations) {
    if (i.kind != IterationKind::counted) continue;
    std::vector<double> longest(replicas.size(), kUnknown);
    for (std::size_t rank = 0; rank < replicas.size(); ++rank) {
      double& time = longest[static_cast<std::size_t>(replicas[rank])];
      time = std::fmax(time, i.samples[rank]);
    }
    std::ranges::copy_if(longest, std::back_inserter(times), [](double time) { return std::isfinite(time); });
  }
  return summarise(times);
}

double share(const Point& point, std::initializer_list<Phase> phases) {
  double sum = 0;
  for (const Phase phase : phases) sum += point.phases[static_cast<std::size_t>(phase)];
  return sum / point.marked_time;
}

double mean_latency(const std::vector<SpanRow>& spans, std::string_view name) {
  double sum = 0;
  int count = 0;
  for (const SpanRow& span : spans)
    if (span.rank == 0 && span.name == name) sum += span.end - span.start, ++count;
  return count == 0 ? kUnknown : sum / count;
}

}  // namespace

void gather_decode(Point& point, const PointPlan& plan, const DecodeSamples& mine, const Group& group,
                   Control& control) {
  const auto rows = control.gather(packed(mine), group);
  const Sums sums = sums_of(mine.steps);
  const auto own = control.gather(std::vector{static_cast<double>(mine.replica), mine.bandwidth, sums.bytes, sums.time,
                                              sums.occupancy, sums.all_time},
                                  group);
  if (control.rank() != 0) return;
  const ServingPlan& serving = plan.assignment.serving;
  DecodeResults& r = point.decode;
  r.tp = plan.assignment.plan.tp, r.dp = plan.assignment.plan.dp, r.batch = serving.batch;
  if (serving.arrivals == Arrivals::closed) r.concurrency = serving.concurrency;
  if (serving.arrivals == Arrivals::open) r.request_rate = serving.request_rate;
  for (Unpacked& one : unpacked(rows)) {
    r.served.push_back(one.request);
    r.tokens.insert(r.tokens.end(), one.tokens.begin(), one.tokens.end());
  }
  summarise_latency(r, serving.limits);
  r.asked = serving.requests;
  Sums all;
  double bandwidth = 0, possible = 0;
  std::vector<int> replicas;
  for (const auto& rank : own) {
    replicas.push_back(static_cast<int>(rank[0]));
    bandwidth += rank[1] / static_cast<double>(own.size());
    all.bytes += rank[2], possible += rank[3] * rank[1];
    all.occupancy += rank[4], all.all_time += rank[5];
  }
  r.bandwidth_measured = bandwidth;
  if (possible > 0) r.mbu = all.bytes / possible;
  if (all.all_time > 0) r.kv_occupancy = all.occupancy / all.all_time;
  point.step_time = steps_of_replicas(point, replicas);
  r.communication_share = share(point, {Phase::exposed, Phase::imbalance});
  r.host_share = share(point, {Phase::host});
  r.all_reduce_latency = mean_latency(point.spans, AllReduce::name);
}

void compare_decode(std::vector<Point>& points) {
  if (points.empty()) return;
  const auto rate = [](const Point& p) {
    return std::isfinite(p.decode.throughput_steady) ? p.decode.throughput_steady : p.decode.throughput_whole;
  };
  const Point base = points.front();
  for (std::size_t i = 0; i < points.size(); ++i) {
    Point& point = points[i];
    if (i > 0 && point.ranks == base.ranks) continue;  // a sweep over something else
    point.speedup = rate(point) / rate(base);
    point.efficiency = point.speedup * base.ranks / point.ranks;
  }
}

}  // namespace scalebench
