#include <algorithm>
#include <cmath>

#include "app/recorder/write.hpp"
#include "base/check.hpp"

namespace scalebench {
namespace {

using hdf5::Dataset;
using hdf5::Group;
using hdf5::Label;
using hdf5::Type;

// [ranks], or nothing where it is not known.
void ensure_ranks(const Point& point, std::size_t size, std::string_view what) {
  ensure(size == 0 || size == static_cast<std::size_t>(point.ranks), "{} {} of {} ranks", size, what, point.ranks);
}

void write_samples(Group& group, const hdf5::Axes& axes, const Point& point) {
  Dataset samples = group.create({"samples", "s", "time of an iteration on a rank"}, Type::real, axes);
  for (std::size_t i = 0; i < point.iterations.size(); ++i) {
    const auto& known = point.iterations[i].samples;
    ensure_ranks(point, known.size(), "samples");
    const std::vector<double> row(static_cast<std::size_t>(point.ranks), kUnknown);
    samples.write_row(i, known.empty() ? row : known);
  }
}

// Rows of the marked iterations; the others stay NaN.
void write_phases(Group& group, const Dataset& iteration, const Dataset& rank, const Point& point) {
  const Dataset phase =
      group.scale({"phase", "", "part of a step"}, std::vector<std::string>(kPhaseNames.begin(), kPhaseNames.end()));
  Dataset parts = group.create({"phases", "s", "parts of a marked iteration"}, Type::real, {iteration, rank, phase},
                               hdf5::Rows::some);
  Dataset totals = group.create({"phases_total", "s", "length of a marked iteration"}, Type::real, {iteration, rank},
                                hdf5::Rows::some);
  for (std::size_t i = 0; i < point.iterations.size(); ++i) {
    const Iteration& marked = point.iterations[i];
    ensure_ranks(point, marked.phases.size(), "parts of a step");
    ensure_ranks(point, marked.phases_total.size(), "lengths of a step");
    std::vector<double> row;
    for (const Phases& phases : marked.phases) row.insert(row.end(), phases.begin(), phases.end());
    if (!row.empty()) parts.write_row(i, row);
    if (!marked.phases_total.empty()) totals.write_row(i, marked.phases_total);
  }
}

// Rows of the iterations that something is known of; the others stay NaN.
void write_throttled(Group& group, const Dataset& iteration, const Dataset& rank, const Point& point) {
  Dataset rows = group.create({"throttled", "1", "1 where the rank's GPU was slowed by power or heat"}, Type::real,
                              {iteration, rank}, hdf5::Rows::some);
  for (std::size_t i = 0; i < point.iterations.size(); ++i) {
    ensure_ranks(point, point.iterations[i].throttled.size(), "flags of throttling");
    if (!point.iterations[i].throttled.empty()) rows.write_row(i, point.iterations[i].throttled);
  }
}

void write_iterations(Group& group, const Dataset& rank, const Point& point) {
  std::vector<std::int64_t> indices;
  for (const Iteration& iteration : point.iterations) indices.push_back(iteration.index);
  const Dataset scale = group.scale({"iteration", "1", "iteration, warm-ups negative"}, indices);
  const auto column = [&](const Label& label, Type type, auto get) {
    write_column(group, label, type, scale, point.iterations, get);
  };
  const auto any = [&](auto known) { return std::ranges::any_of(point.iterations, known); };

  column({"iteration_kind", "1", "0 warm-up, 1 counted, 2 marked, 3 muted"}, Type::integer,
         [](const Iteration& i) { return static_cast<std::int64_t>(i.kind); });
  write_samples(group, {scale, rank}, point);
  if (any([](const Iteration& i) { return !i.phases.empty() || !i.phases_total.empty(); }))
    write_phases(group, scale, rank, point);
  if (any([](const Iteration& i) { return !i.throttled.empty(); })) write_throttled(group, scale, rank, point);
  if (any([](const Iteration& i) { return !std::isnan(i.loss); }))
    column({"loss", "1", "mean loss of a token"}, Type::real, [](const Iteration& i) { return i.loss; });
  if (any([](const Iteration& i) { return !std::isnan(i.gradient_norm); }))
    column({"gradient_norm", "1", "norm of all gradients"}, Type::real,
           [](const Iteration& i) { return i.gradient_norm; });
  if (any([](const Iteration& i) { return !std::isnan(i.loss_scale); }))
    column({"loss_scale", "1", "what the loss was multiplied by for the gradients"}, Type::real,
           [](const Iteration& i) { return i.loss_scale; });
}

void write_gpu(Group& group, const Dataset& rank, const Point& point) {
  ensure_ranks(point, point.gpu.ranks.size(), "GPUs");
  Group gpu = group.create_group("gpu");
  for (std::size_t i = 0; i < kGpuFigures; ++i)
    write_column(
        gpu,
        {std::string(kGpuColumns[i].name), std::string(kGpuColumns[i].units), std::string(kGpuColumns[i].long_name)},
        Type::real, rank, point.gpu.ranks, [i](const GpuFigures& figures) { return figures[i]; });
}

void write_memory(Group& group, const Dataset& rank, const Point& point) {
  ensure_ranks(point, point.memory_peak.size(), "memory peaks");
  ensure_ranks(point, point.memory_allocated.size(), "allocations");
  ensure_ranks(point, point.host_memory.size(), "allocations of the host's memory");
  if (!point.memory_peak.empty())
    group.create({"memory_peak", "B", "most memory in use, measured"}, Type::real, {rank}).write(point.memory_peak);
  if (!point.memory_allocated.empty())
    group.create({"memory_allocated", "B", "most memory in use, the device's own count"}, Type::real, {rank})
        .write(point.memory_allocated);
  if (!point.host_memory.empty())
    group.create({"host_memory", "B", "most of the host's memory in use beside the device's"}, Type::real, {rank})
        .write(point.host_memory);
}

void write_spans(Group& group, const Point& point) {
  const Dataset scale = group.scale({"span", "1", "number of the span"}, count_up(point.spans.size()));
  Group spans = group.create_group("spans");
  const auto column = [&](const Label& label, Type type, auto get) {
    write_column(spans, label, type, scale, point.spans, get);
  };
  column({"rank", "1", "rank"}, Type::integer, [](const SpanRow& s) { return std::int64_t{s.rank}; });
  column({"lane", "", "queue that it ran on"}, Type::text, [](const SpanRow& s) { return s.lane; });
  column({"name", "", "operation"}, Type::text, [](const SpanRow& s) { return s.name; });
  column({"part", "", "what it is work for"}, Type::text, [](const SpanRow& s) { return s.part; });
  column({"issued", "s", "call began, from the start of the iteration"}, Type::real,
         [](const SpanRow& s) { return s.issued; });
  column({"launched", "s", "call came back, from the start of the iteration"}, Type::real,
         [](const SpanRow& s) { return s.launched; });
  column({"start", "s", "work began, from the start of the iteration"}, Type::real,
         [](const SpanRow& s) { return s.start; });
  column({"end", "s", "work ended, from the start of the iteration"}, Type::real,
         [](const SpanRow& s) { return s.end; });
  column({"flops", "1", "FLOPs"}, Type::real, [](const SpanRow& s) { return s.flops; });
  column({"bytes", "B", "bytes moved: in the device, or on the wire"}, Type::real,
         [](const SpanRow& s) { return s.bytes; });
}

void write_requests(Group& group, const DecodeResults& results) {
  std::vector<std::int64_t> numbers;
  for (const ServedRequest& r : results.served) numbers.push_back(r.request);
  Group requests = group.create_group("requests");
  const Dataset request = requests.scale({"request", "1", "number of the request"}, numbers);
  const auto column = [&](const Label& label, Type type, auto get) {
    write_column(requests, label, type, request, results.served, get);
  };
  column({"arrival", "s", "from the start of serving"}, Type::real, [](const ServedRequest& r) { return r.arrival; });
  column({"first_token", "s", "from the start of serving"}, Type::real,
         [](const ServedRequest& r) { return r.first_token; });
  column({"end", "s", "last token, from the start of serving"}, Type::real,
         [](const ServedRequest& r) { return r.end; });
  column({"input_tokens", "1", "tokens of the prompt"}, Type::integer, [](const ServedRequest& r) { return r.input; });
  column({"output_tokens", "1", "tokens of the answer"}, Type::integer,
         [](const ServedRequest& r) { return r.output; });
  column({"preemptions", "1", "times that it was pre-empted"}, Type::integer,
         [](const ServedRequest& r) { return r.preemptions; });
  column({"replica", "1", "that served it"}, Type::integer,
         [](const ServedRequest& r) { return std::int64_t{r.replica}; });
}

void write_tokens(Group& group, const DecodeResults& results) {
  Group tokens = group.create_group("tokens");
  const Dataset token = tokens.scale({"token", "1", "number of the token"}, count_up(results.tokens.size()));
  const auto column = [&](const Label& label, Type type, auto get) {
    write_column(tokens, label, type, token, results.tokens, get);
  };
  column({"request", "1", "number of its request"}, Type::integer, [](const ServedToken& t) { return t.request; });
  column({"id", "1", "in the vocabulary"}, Type::integer, [](const ServedToken& t) { return std::int64_t{t.id}; });
  column({"time", "s", "from the start of serving"}, Type::real, [](const ServedToken& t) { return t.time; });
}

}  // namespace

void write_point(Group group, const Point& point) {
  const Dataset rank = group.scale({"rank", "1", "rank"}, count_up(static_cast<std::size_t>(point.ranks)));
  write_iterations(group, rank, point);
  write_memory(group, rank, point);
  if (point.gpu.present()) write_gpu(group, rank, point);
  if (!point.spans.empty()) write_spans(group, point);
  if (!point.decode.present()) return;
  write_requests(group, point.decode);
  write_tokens(group, point.decode);
}

}  // namespace scalebench
