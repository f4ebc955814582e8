#include "app/measure/sampler.hpp"

#include <algorithm>
#include <cmath>
#include <functional>

#include "app/measure/split.hpp"

namespace scalebench {

namespace {

bool spans_stages(const Mesh& mesh, const Group& group) {
  const Group stages = mesh.group(Axis::pp);
  int held = 0;
  for (int stage = 0; stage < stages.size; ++stage) held += group.holds(stages.member(stage)) ? 1 : 0;
  return held > 1;
}

}  // namespace

Sampler::Sampler(Backend& backend, Step& step, Crew& crew, const Group& group, int point)
    : backend_(backend),
      step_(step),
      crew_(crew),
      group_(group),
      point_(point),
      host_(*backend.witness, LaneKind::host, "host") {}

std::vector<double> Sampler::run(IterationKind kind, int count) {
  backend_.witness->check_waits(kind == IterationKind::warmup);
  backend_.mesh->mute(kind == IterationKind::muted);
  read_gpu();
  step_.gather_ranks();
  const bool recorded = kind == IterationKind::marked || kind == IterationKind::muted;
  std::vector<double> samples = recorded ? run_recorded(kind, count) : run_freely(kind, count);
  read_gpu();
  backend_.mesh->mute(false);
  for (const StepValues& value : step_.values(true)) {
    values_.push_back(value);
    if (kind != IterationKind::muted &&
        !(std::isfinite(value.loss) && (std::isfinite(value.gradient_norm) || value.skipped())))
      trouble_ = "not_finite";
  }
  exchange(samples);
  return samples;
}

void Sampler::read_gpu() const {
  if (crew_.hardware.watch) crew_.hardware.watch->read();
}

void Sampler::add_counted(const std::vector<std::pair<double, double>>& times, std::string trouble) {
  trouble_ = std::move(trouble);
  const auto own = static_cast<double>(times.size());
  const auto most = static_cast<std::size_t>(crew_.control.maximum({&own, 1}, group_)[0]);
  for (std::size_t i = 0; i < most; ++i)
    iterations_.push_back({.index = std::ssize(iterations_),
                           .kind = IterationKind::counted,
                           .seconds = i < times.size() ? times[i].second - times[i].first : kUnknown,
                           .begin = i < times.size() ? times[i].first : kUnknown});
  std::vector<double> none;
  exchange(none);
}

// An iteration begins where the one before ended, on the device: the host issues ahead of it, and asks for the times
// when all are issued.
std::vector<double> Sampler::run_freely(IterationKind kind, int count) {
  double begin = backend_.witness->now();
  std::vector<std::function<double()>> ends;
  for (int i = 0; i < count; ++i) {
    iterations_.push_back({.index = std::ssize(iterations_), .kind = kind});
    prepare(iterations_.back().index);
    step_.run(iterations_.back().index);
    crew_.watchdog.beat(iterations_.back().index);
    ends.push_back(backend_.device->moment());
  }
  std::vector<double> samples;
  for (const auto& end : ends) {
    LocalIteration& iteration = iterations_[iterations_.size() - ends.size() + samples.size()];
    iteration.begin = begin;
    iteration.seconds = end() - begin;
    samples.push_back(iteration.seconds);
    begin += samples.back();
  }
  return samples;
}

// Each is followed by the reading of its spans, which is not part of the next.
std::vector<double> Sampler::run_recorded(IterationKind kind, int count) {
  std::vector<double> samples;
  Timeline& timeline = backend_.witness->timeline();
  timeline.record(true);
  for (int i = 0; i < count; ++i) {
    iterations_.push_back(run_and_split(kind, backend_.witness->now()));
    samples.push_back(iterations_.back().seconds);
    timeline.clear();
  }
  timeline.record(false);
  return samples;
}

void Sampler::prepare(std::int64_t index) {
  crew_.injection.before_step(point_, index, [this](Fault fault) {
    if (fault == Fault::nan) step_.corrupt();
    if (fault == Fault::flip) step_.flip();
  });
}

LocalIteration Sampler::run_and_split(IterationKind kind, double begin) {
  LocalIteration iteration{.index = std::ssize(iterations_), .kind = kind, .begin = begin};
  prepare(iteration.index);
  const double now = backend_.witness->now();
  backend_.witness->timeline().add({.lane = host_.index(),
                                    .part = Part::host,
                                    .name = "before_step",
                                    .issued = now,
                                    .launched = now,
                                    .start = begin,
                                    .end = now});
  step_.run(iteration.index);
  const double end = backend_.device->moment()();
  crew_.watchdog.beat(iteration.index);
  for (Lane* lane : backend_.witness->lanes())
    if (lane != nullptr) lane->settle();
  iteration.seconds = end - begin;
  iteration.phases = split(begin, end, kind == IterationKind::muted);
  if (kind == IterationKind::marked) keep_spans(begin);
  return iteration;
}

Phases Sampler::split(double begin, double end, bool muted) {
  std::vector<Arrivals> arrivals(kMaxLanes);  // by lane
  if (!muted)
    for (Communicator* communicator : backend_.mesh->all())
      arrivals[communicator->lane().index()] = last_arrivals(*communicator);

  std::vector<Work> works;
  std::vector<std::size_t> calls(kMaxLanes, 0);
  for (const Span& span : backend_.witness->timeline().spans()) {
    Work work{
        .part = span.part, .issued = span.issued, .launched = span.launched, .start = span.start, .end = span.end};
    const Arrivals& of_lane = arrivals[span.lane];
    if (std::size_t& call = calls[span.lane]; call < of_lane.of_all.size()) {
      work.last_arrival = of_lane.of_all[call];
      work.last_of_stage = of_lane.of_stage[call++];
    }
    works.push_back(work);
  }
  return split_step(works, begin, end);
}

// When the last rank of the group came to each call, and the last one of this rank's stage, on this rank's clock.
Sampler::Arrivals Sampler::last_arrivals(Communicator& communicator) {
  Arrivals last;
  const std::uint8_t lane = communicator.lane().index();
  for (const Span& span : backend_.witness->timeline().spans())
    if (span.lane == lane) last.of_stage.push_back(span.start + crew_.clock.seconds);
  const Mesh& mesh = *backend_.mesh;
  const Group& group = communicator.group();
  last.of_all = crew_.control.maximum(last.of_stage, group);
  if (!spans_stages(mesh, group)) {
    last.of_stage = last.of_all;
  } else if (group == mesh.group(Axis::world)) {  // else, along pp, a stage has one rank there
    for (const Axis axis : {Axis::tp, Axis::dp}) last.of_stage = crew_.control.maximum(last.of_stage, mesh.group(axis));
  }
  for (std::vector<double>* const starts : {&last.of_all, &last.of_stage})
    for (double& start : *starts) start -= crew_.clock.seconds;
  return last;
}

void Sampler::keep_spans(double begin) {
  spans_.clear();
  for (const Span& span : backend_.witness->timeline().spans())
    spans_.push_back({.rank = group_.index_of(crew_.control.rank()),
                      .lane = backend_.witness->lanes()[span.lane]->name(),
                      .name = std::string(span.name),
                      .part = std::string(name_of(span.part)),
                      .issued = span.issued - begin,
                      .launched = span.launched - begin,
                      .start = span.start - begin,
                      .end = span.end - begin,
                      .flops = span.flops,
                      .bytes = span.bytes});
}

// Each iteration's longest over the ranks; and whether any rank must stop.
void Sampler::exchange(std::vector<double>& samples) {
  if (crew_.signals.requested() == Stop::now && trouble_.empty()) trouble_ = "stopped";
  samples.push_back(trouble_ == "stopped" ? 1 : 0);
  samples.push_back(trouble_ == "not_finite" ? 1 : 0);
  samples = crew_.control.maximum(samples, group_);
  const bool not_finite = samples.back() > 0;
  samples.pop_back();
  const bool stopped = samples.back() > 0;
  samples.pop_back();
  trouble_ = not_finite ? "not_finite" : stopped ? "stopped" : "";
}

}  // namespace scalebench
