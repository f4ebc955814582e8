#include <algorithm>
#include <cmath>

#include "app/recorder/read.hpp"

namespace scalebench {
namespace {

using hdf5::Dataset;
using hdf5::Fault;
using hdf5::Group;

bool all_unknown(const std::vector<double>& values) {
  return std::ranges::all_of(values, [](double value) { return std::isnan(value); });
}

IterationKind to_kind(std::int64_t value) {
  if (value < 0 || value > static_cast<std::int64_t>(IterationKind::muted))
    throw Fault(fmt::format("iteration_kind is {}", value));
  return static_cast<IterationKind>(value);
}

// Calls `use(iteration, row)` for each row that is known, of a dataset whose first axis are the iterations.
template <class Use>
void read_rows(const Group& group, const std::string& name, std::size_t row_size, Point& point, Use use) {
  if (!group.has(name)) return;
  const Dataset dataset = group.dataset(name);
  std::size_t size = 1;
  const auto extents = dataset.dimensions();
  for (const std::size_t extent : extents) size *= extent;
  if (extents.empty() || extents[0] != point.iterations.size() || size != point.iterations.size() * row_size)
    throw Fault(fmt::format("{} does not fit the scales of its group", name));
  const bool marked_only = name != "samples" && name != "throttled";
  for (std::size_t i = 0; i < point.iterations.size(); ++i) {
    if (marked_only && point.iterations[i].kind != IterationKind::marked) continue;
    if (auto row = dataset.row(i); !all_unknown(row)) use(point.iterations[i], std::move(row));
  }
}

std::vector<Phases> to_phases(const std::vector<double>& row) {
  std::vector<Phases> phases(row.size() / kPhases);
  for (std::size_t i = 0; i < row.size(); ++i) phases[i / kPhases][i % kPhases] = row[i];
  return phases;
}

void read_iterations(const Group& group, std::size_t ranks, Point& point) {
  point.iterations.resize(group.dataset("iteration").dimensions().at(0));
  auto& iterations = point.iterations;
  read_column<std::int64_t>(group, "iteration", iterations, [](Iteration& i, std::int64_t v) { i.index = v; });
  read_column<std::int64_t>(group, "iteration_kind", iterations,
                            [](Iteration& i, std::int64_t v) { i.kind = to_kind(v); });
  read_column<double>(group, "loss", iterations, [](Iteration& i, double v) { i.loss = v; });
  read_column<double>(group, "gradient_norm", iterations, [](Iteration& i, double v) { i.gradient_norm = v; });
  read_column<double>(group, "loss_scale", iterations, [](Iteration& i, double v) { i.loss_scale = v; });

  using Row = std::vector<double>;
  read_rows(group, "samples", ranks, point, [](Iteration& i, Row row) { i.samples = std::move(row); });
  read_rows(group, "phases", ranks * kPhases, point, [](Iteration& i, const Row& row) { i.phases = to_phases(row); });
  read_rows(group, "throttled", ranks, point, [](Iteration& i, Row row) { i.throttled = std::move(row); });
  read_rows(group, "phases_total", ranks, point, [](Iteration& i, Row row) { i.phases_total = std::move(row); });
}

void read_spans(const Group& group, Point& point) {
  const Group spans = group.group("spans");
  auto& rows = point.spans;
  rows.resize(group.dataset("span").dimensions().at(0));
  read_column<std::int64_t>(spans, "rank", rows, [](SpanRow& s, std::int64_t v) { s.rank = static_cast<int>(v); });
  read_column<std::string>(spans, "lane", rows, [](SpanRow& s, const std::string& v) { s.lane = v; });
  read_column<std::string>(spans, "name", rows, [](SpanRow& s, const std::string& v) { s.name = v; });
  read_column<std::string>(spans, "part", rows, [](SpanRow& s, const std::string& v) { s.part = v; });
  read_column<double>(spans, "issued", rows, [](SpanRow& s, double v) { s.issued = v; });
  read_column<double>(spans, "launched", rows, [](SpanRow& s, double v) { s.launched = v; });
  read_column<double>(spans, "start", rows, [](SpanRow& s, double v) { s.start = v; });
  read_column<double>(spans, "end", rows, [](SpanRow& s, double v) { s.end = v; });
  read_column<double>(spans, "flops", rows, [](SpanRow& s, double v) { s.flops = v; });
  read_column<double>(spans, "bytes", rows, [](SpanRow& s, double v) { s.bytes = v; });
}

void read_requests(const Group& group, DecodeResults& results) {
  const Group requests = group.group("requests");
  auto& served = results.served;
  served.resize(requests.dataset("request").dimensions().at(0));
  using R = ServedRequest;
  read_column<std::int64_t>(requests, "request", served, [](R& r, std::int64_t v) { r.request = v; });
  read_column<double>(requests, "arrival", served, [](R& r, double v) { r.arrival = v; });
  read_column<double>(requests, "first_token", served, [](R& r, double v) { r.first_token = v; });
  read_column<double>(requests, "end", served, [](R& r, double v) { r.end = v; });
  read_column<std::int64_t>(requests, "input_tokens", served, [](R& r, std::int64_t v) { r.input = v; });
  read_column<std::int64_t>(requests, "output_tokens", served, [](R& r, std::int64_t v) { r.output = v; });
  read_column<std::int64_t>(requests, "preemptions", served, [](R& r, std::int64_t v) { r.preemptions = v; });
  read_column<std::int64_t>(requests, "replica", served, [](R& r, std::int64_t v) { r.replica = static_cast<int>(v); });
}

void read_tokens(const Group& group, DecodeResults& results) {
  const Group tokens = group.group("tokens");
  auto& all = results.tokens;
  all.resize(tokens.dataset("token").dimensions().at(0));
  using T = ServedToken;
  read_column<std::int64_t>(tokens, "request", all, [](T& t, std::int64_t v) { t.request = v; });
  read_column<std::int64_t>(tokens, "id", all, [](T& t, std::int64_t v) { t.id = static_cast<std::int32_t>(v); });
  read_column<double>(tokens, "time", all, [](T& t, double v) { t.time = v; });
}

void read_gpu(const Group& group, std::size_t ranks, GpuResults& results) {
  results.ranks.resize(ranks);
  for (GpuFigures& figures : results.ranks) figures.fill(kUnknown);
  for (std::size_t i = 0; i < kGpuFigures; ++i)
    read_column<double>(group.group("gpu"), std::string(kGpuColumns[i].name), results.ranks,
                        [i](GpuFigures& figures, double v) { figures[i] = v; });
}

}  // namespace

void read_point(const Group& group, Point& point) {
  const std::size_t ranks = group.dataset("rank").dimensions().at(0);
  read_iterations(group, ranks, point);
  if (group.has("memory_peak")) point.memory_peak = group.dataset("memory_peak").reals();
  if (group.has("memory_allocated")) point.memory_allocated = group.dataset("memory_allocated").reals();
  if (group.has("host_memory")) point.host_memory = group.dataset("host_memory").reals();
  if (group.has("gpu")) read_gpu(group, ranks, point.gpu);
  if (group.has("spans")) read_spans(group, point);
  if (group.has("requests")) read_requests(group, point.decode);
  if (group.has("tokens")) read_tokens(group, point.decode);
}

}  // namespace scalebench
