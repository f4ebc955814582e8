#include "app/campaign.hpp"

#include <algorithm>
#include <filesystem>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "app/dump.hpp"
#include "app/find_rate.hpp"
#include "app/host.hpp"
#include "app/measure/measure.hpp"
#include "app/measure/summary.hpp"
#include "app/transport_watch.hpp"
#include "base/units.hpp"

namespace scalebench {

namespace {

constexpr double kWriteTimeout = 120;  // s

MeasureSettings settings_of(const Options& o, const Job& job, const Surroundings& s, const Crew& crew) {
  const Hardware& hardware = crew.hardware;
  MeasureSettings settings{.stopping = {.min_iterations = o.min_iterations,
                                        .max_iterations = o.max_iterations,
                                        .max_seconds = o.max_seconds,
                                        .target = o.target_ci},
                           .timeout = o.timeout.value_or(0),
                           .cores = s.cores,
                           .open = opener_of(hardware)};
  settings.memory = [&crew](int ranks) {
    if (crew.hardware.pair) return memory_of(crew.hardware, ranks);
    return memory_for_rank(look_at_host(), std::min(crew.control.ranks_on_node(), ranks));
  };
  settings.warmup.max_seconds = std::min(settings.warmup.max_seconds, o.max_seconds / 6);
  if (job.workload.kind == WorkloadKind::collective) {
    settings.warmup = {.max_iterations = o.collective_warmup, .max_seconds = o.max_seconds};
    if (o.collective_iterations)
      settings.stopping.min_iterations = settings.stopping.max_iterations = *o.collective_iterations;
  }
  return settings;
}

// What tells one point from the others.
std::string distinction(const Job& job, const PointPlan& point) {
  const Transfer& transfer = point.assignment.transfer;
  const ServingPlan& serving = point.assignment.serving;
  std::string text = fmt::format("{} rank{}", point.ranks, point.ranks == 1 ? "" : "s");
  switch (job.workload.kind) {
    case WorkloadKind::training:
      return text;
    case WorkloadKind::collective:
      return fmt::format("{}{}", format_size(transfer.bytes), transfer.in_place ? " in place" : "");
    case WorkloadKind::decode:
      text += fmt::format(", batch {}", serving.batch);
      if (serving.arrivals == Arrivals::closed) text += fmt::format(", {} under way", serving.concurrency);
      if (serving.arrivals == Arrivals::open) text += fmt::format(", {:.4g} requests/s", serving.request_rate);
  }
  return text;
}

std::string label_of(const Options& o, const Job& job, std::size_t index) {
  return fmt::format("[{}/{}] {}, {}", index + 1, o.find_rate ? "?" : fmt::format("{}", job.points.size()),
                     job.workload.name, distinction(job, job.points[index]));
}

std::string said_of(const Job& job, const Point& point) {
  if (job.workload.kind == WorkloadKind::training)
    return fmt::format("{} a step, {} samples ({})", format_duration(point.step_time.median), point.step_time.samples,
                       point.stop_reason);
  return fmt::format("{} of {} requests answered, {} tokens/s ({})", point.decode.requests, point.decode.asked,
                     format_count(point.decode.throughput_whole), point.stop_reason);
}

bool good(const Point& point) { return point.stop_reason != "not_finite" && !(point.wrong > 0); }

// Rank 0's judgement of a point just measured: kept or dropped, and whether to go on.
Exit take(Point point, bool stop_asked, bool last, const Job& job, Measurement& m) {
  const bool finished = point.stop_reason != "stopped";
  if (finished) {
    m.points.push_back(std::move(point));
    compare_points(m.points, job.scaling);
  }
  Exit exit = Exit::ok;
  if (finished && !good(m.points.back()))
    exit = Exit::wrong;
  else if (!finished || (stop_asked && !last))
    exit = Exit::stopped;
  m.status = exit == Exit::wrong ? "failed" : exit == Exit::stopped ? "stopped" : last ? "complete" : "running";
  m.complete = m.status == "complete";
  return exit;
}

bool anybody(bool mine, Control& control) {
  const double flag = mine ? 1 : 0;
  return control.maximum({&flag, 1}, control.world())[0] > 0;
}

Exit agreed(Exit exit, Control& control) {
  const auto code = static_cast<double>(exit);
  return static_cast<Exit>(static_cast<int>(control.broadcast({&code, 1}, control.world())[0]));
}

}  // namespace

Exit measure_all(const Options& o, Job& job, const Surroundings& s, Crew& crew, Measurement& m, const Files& files) {
  Recorder* const recorder = files.recorder;
  MeasureSettings settings = settings_of(o, job, s, crew);
  if (o.dump)
    settings.look_at_step = [&](Step& step, const PointPlan& point) {
      dump_first_step(step, point, crew.control, files.dump);
    };
  // A new file stands there from the first iteration on, so that a killed run leaves one that says so. One that was
  // there already is replaced only by a finished point.
  const bool fresh = recorder != nullptr && !std::filesystem::exists(recorder->path());
  const auto save = [&] {
    if (fresh || (recorder != nullptr && !m.points.empty())) recorder->save(m);
  };
  const auto begin = [&] {  // all ranks are ready for their first iteration
    m.environment["startup_seconds"] = process_age();
    crew.progress.say(fmt::format("scalebench: start-up took {}", format_duration(process_age())));
    save();
  };
  const auto nothing = [] {};
  FindRate rates(o);
  TransportWatch transports(o);
  Exit exit = Exit::ok;
  for (std::size_t index = 0; index < job.points.size() && exit == Exit::ok; ++index) {
    settings.label = label_of(o, job, index);
    Point point = index == 0 ? measure_point(job, index, settings, crew, begin)
                             : measure_point(job, index, settings, crew, nothing);
    crew.watchdog.enter("writing", static_cast<int>(index), kWriteTimeout);
    if (job.workload.kind != WorkloadKind::collective) crew.progress.say(settings.label + ": " + said_of(job, point));
    rates.follow(point, job, m, crew.control);
    if (crew.hardware.pair)
      m.environment["gpu_choices"] = fmt::format("{}", fmt::join(crew.hardware.pair->choices(), "\n"));
    const auto refused = transports.follow(job.points[index].ranks, crew, m);
    const bool stop = anybody(crew.signals.requested() != Stop::none, crew.control);
    if (crew.control.rank() == 0) exit = take(std::move(point), stop, index + 1 == job.points.size(), job, m);
    exit = agreed(exit, crew.control);
    if (refused) m.status = "failed", m.complete = false;
    crew.control.together(save);
    crew.control.vote(refused);
  }
  return exit;
}

std::string failure_text(const Measurement& m) {
  const Point& point = m.points.back();
  if (point.stop_reason == "not_finite")
    return "the loss or the gradient norm is not finite (the training has diverged, or a kernel or collective is "
           "wrong) nothing of this point is a measurement";
  return fmt::format(
      "{:.0f} elements are wrong after {} of {} (the data check allows none) check the network, then the MPI "
      "library",
      point.wrong, m.workload, format_size(static_cast<std::int64_t>(point.bytes)));
}

}  // namespace scalebench
