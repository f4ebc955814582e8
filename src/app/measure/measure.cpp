#include "app/measure/measure.hpp"

#include <algorithm>
#include <cmath>
#include <functional>
#include <limits>
#include <optional>
#include <tuple>

#include <fmt/format.h>

#include "app/dry_run.hpp"
#include "app/host.hpp"
#include "app/measure/datasheet.hpp"
#include "app/measure/fit.hpp"
#include "app/measure/peak.hpp"
#include "app/measure/sampler.hpp"
#include "app/measure/serve.hpp"
#include "app/measure/summary.hpp"
#include "base/units.hpp"
#include "workloads/blocks/linear.hpp"
#include "workloads/blocks/requests.hpp"

namespace scalebench {

namespace {

constexpr double kLeastTimeout = 60, kTimeoutFactor = 20;  // s; of a step
constexpr double kSetUpTimeout = 120;                      // s; start-up and set-up phases
constexpr double kMarkedShare = 1.0 / 12;  // of the point's time, for the marked iterations, and for the muted
constexpr int kLeastMarked = 3, kMostMarked = 10;

// What one rank of the point does, from the first allocation to the last sample.
class RankOfPoint {
 public:
  RankOfPoint(const Job& job, std::size_t index, const MeasureSettings& settings, Crew& crew)
      : job_(job),
        point_(job.points[index]),
        index_(static_cast<int>(index)),
        settings_(settings),
        crew_(crew),
        group_{0, point_.ranks, 1},
        expected_(dry_run(job.workload, point_, crew.control.rank())) {}

  const Group& group() const { return group_; }
  bool oversubscribed() const {
    return std::min(crew_.control.ranks_on_node(), point_.ranks) * job_.threads > settings_.cores;
  }

  void check_memory(double of_device) const {
    const double of_host = memory_for_rank(look_at_host(), std::min(crew_.control.ranks_on_node(), point_.ranks));
    check_fit(job_, expected_, of_device, of_host);
  }

  void open_backend() {
    memory_before_ = memory_held();
    reset_peak_memory();
    const Waiting waiting = oversubscribed() ? Waiting::patient : Waiting::eager;
    backend_ = settings_.open(crew_.session, job_.threads, waiting, point_.assignment.plan);
    check_products(*backend_.device, point_.assignment.plan);
    backend_.witness->watch([this](auto lane, auto operation) { crew_.watchdog.saw(lane, operation); });
  }

  // Before the step takes its memory, so that the memory counted from here on is the step's.
  void measure_peak() {
    if (job_.workload.kind == WorkloadKind::collective) return;
    enter("peak", kSetUpTimeout);
    if (decodes()) bandwidth_ = measured_bandwidth();
    const ParallelPlan& plan = point_.assignment.plan;
    peak_ = gemm_peak(*backend_.device, plan.dtype, Products::plain, crew_.control, group_);
    if (plan.products != Products::plain)
      peak_of_products_ = gemm_peak(*backend_.device, plan.dtype, plan.products, crew_.control, group_);
    backend_.device->restart_peak();
  }

  void prepare() {
    enter("set-up", kSetUpTimeout);
    World world = backend_.world();
    step_ = job_.workload.prepare(world, point_.assignment);
  }

  // Ranks whose plans differ would wait for each other for ever. Who finds a difference still answers the other groups.
  void agree_on_order() {
    std::optional<Error> difference;
    for (const auto& [group, digest] : expected_.orders) try {
        crew_.control.agree("the order of collectives", fmt::format("{:016x}", digest), Exit::unfit, group);
      } catch (const Error& error) {
        difference = error;
      }
    if (difference) throw *difference;
  }

  void show_step() {
    if (!settings_.look_at_step) return;
    enter("dump", 0);
    settings_.look_at_step(*step_, point_);
    backend_.device->restart_peak();  // a dump gathers what a step never holds
    reset_peak_memory();
  }

  PointSamples measure() {
    const double begin = backend_.witness->now();
    const auto elapsed = [&] { return backend_.witness->now() - begin; };
    PointSamples result{.group = group_, .expected = expected_, .peak = peak_, .peak_of_products = peak_of_products_};
    if (crew_.hardware.pair)
      std::tie(result.peak_datasheet, result.peak_of_products_datasheet) =
          peaks_of_datasheet(crew_.hardware.name, point_.assignment.plan);
    if (watch() != nullptr) watch()->begin();
    Sampler sampler(backend_, *step_, crew_, group_, index_);
    if (decodes()) step_->service()->begin_steady();
    warm_up(sampler, elapsed);
    result.stop_reason = decodes() ? serve_requests(sampler, result.decode) : count(sampler, elapsed);
    if (sampler.trouble().empty() && job_.workload.kind != WorkloadKind::collective) mark_and_mute(sampler);
    if (!sampler.trouble().empty()) result.stop_reason = sampler.trouble();
    if (job_.workload.kind == WorkloadKind::collective && point_.assignment.transfer.check)
      result.wrong = step_->wrong();
    if (crew_.hardware.pair)
      result.gpu = {crew_.hardware.id, watch() != nullptr ? watch()->end() : std::vector<GpuReading>{}};
    result.bus_factor = step_->bus_factor();
    result.iterations = sampler.iterations();
    result.values = sampler.values();
    result.spans = sampler.last_spans();
    result.memory_peak = (crew_.hardware.pair ? memory_held() : peak_memory()) - memory_before_;
    result.memory_allocated =
        static_cast<double>(backend_.device->memory().peak) + static_cast<double>(backend_.device->workspace());
    result.host_memory = static_cast<double>(backend_.device->host_memory().peak);
    return result;
  }

 private:
  // Bytes: of this process; of a GPU, whose memory a step holds until its end, by whoever shares it.
  double memory_held() const { return crew_.hardware.pair ? -crew_.hardware.pair->free_memory() : resident_memory(); }

  // Of a GPU, whose caches are larger, by the better of two kernels.
  double measured_bandwidth() {
    constexpr std::int64_t kOnHost = std::int64_t{256} << 20, kOnGpu = std::int64_t{1} << 30;
    const auto read = [this](DType dtype, std::int64_t bytes) {
      return read_bandwidth(*backend_.device, dtype, bytes, crew_.control, group_);
    };
    return crew_.hardware.pair ? std::max(read(DType::f32, kOnGpu), read(DType::bf16, kOnGpu))
                               : read(DType::f32, kOnHost);
  }

  double timeout(double step) const {
    return settings_.timeout > 0 ? settings_.timeout : std::max(kLeastTimeout, kTimeoutFactor * step);
  }

  // What ranks do together is given up shortly before the watchdog would end the job: NCCL knows what it waits for.
  void enter(std::string_view phase, double limit) {
    constexpr double kShare = 0.9;
    crew_.watchdog.enter(phase, index_, limit);
    if (crew_.hardware.pair)
      crew_.hardware.pair->be_patient(limit > 0 ? kShare * limit : std::numeric_limits<double>::infinity());
  }

  // All ranks stop at the same iteration, since they decide on the same numbers: rank 0's clock, the longest samples.
  double agreed(double elapsed) { return crew_.control.broadcast({&elapsed, 1}, group_)[0]; }

  void warm_up(Sampler& sampler, const auto& elapsed) {
    enter("warm-up", timeout(decodes() ? prefill_seconds() : peak_ > 0 ? expected_.flops / peak_ : 0));
    std::vector<double> samples;
    while (settings_.warmup.max_iterations > 0 && sampler.trouble().empty() &&
           !settings_.warmup.over(samples, agreed(elapsed()))) {
      const std::vector<double> more = sampler.run(IterationKind::warmup, warmup_block(samples));
      samples.insert(samples.end(), more.begin(), more.end());
      crew_.progress.update(fmt::format("{}: warm-up {}", settings_.label, samples.size()));
    }
    if (!samples.empty()) step_seconds_ = samples.back();
  }

  int warmup_block(const std::vector<double>& samples) const {
    const double seconds = samples.empty() ? 1.0 : samples.back();
    return std::clamp(static_cast<int>(1.0 / std::max(seconds, 1e-3)), 1,
                      std::max(1, settings_.warmup.max_iterations - static_cast<int>(samples.size())));
  }

  std::string count(Sampler& sampler, const auto& elapsed) {
    enter("step", timeout(step_seconds_));
    StoppingRule rule = settings_.stopping;
    rule.max_seconds -= agreed(seconds_to_come());  // the cap holds for the whole point
    std::vector<double> samples;
    std::string verdict;
    while (sampler.trouble().empty() && verdict.empty()) {
      const double so_far = agreed(elapsed());
      const auto more = sampler.run(IterationKind::counted, rule.next_block(samples, so_far, step_seconds_));
      samples.insert(samples.end(), more.begin(), more.end());
      step_seconds_ = more.back();
      const double now = agreed(elapsed());
      verdict = rule.verdict(samples, now);
      crew_.progress.update(progress_text(rule, samples, now));
    }
    return verdict;
  }

  std::string serve_requests(Sampler& sampler, DecodeSamples& samples) {
    enter("set-up", std::max(kSetUpTimeout, timeout(prefill_seconds())));
    backend_.witness->check_waits(false);  // as in all that is counted; a step that is checked is never a graph
    step_->service()->prepare_serving();
    enter("step", timeout(prefill_seconds()));
    const ServingPlan& plan = point_.assignment.serving;
    const Replica replica{backend_.mesh->index(Axis::dp), point_.assignment.plan.dp};
    if (watch() != nullptr) watch()->read();
    const Served served = serve(backend_, *step_, crew_,
                                {.group = group_,
                                 .arrivals = plan.arrivals,
                                 .point = index_,
                                 .max_seconds = settings_.stopping.max_seconds,
                                 .label = settings_.label,
                                 .requests = replica.share(plan.requests)});
    if (watch() != nullptr) watch()->read();
    enter("other replicas", 0);  // that have not come to their end
    const Service& service = *step_->service();
    samples = {.replica = replica.index,
               .place = backend_.mesh->index(Axis::tp),
               .bandwidth = bandwidth_,
               .steps = service.steps(),
               .answers = service.answers()};
    std::vector<std::pair<double, double>> times;
    for (const ServedStep& step : samples.steps) times.emplace_back(step.begin, step.end);
    sampler.add_counted(times, served.stop_reason == "stopped" ? "stopped" : "");
    enter("step", timeout(prefill_seconds()));
    step_->service()->begin_steady();
    return served.stop_reason;
  }

  // Of the largest step that there may be, s: a guess for the watchdog alone.
  double prefill_seconds() const {
    const ServingPlan& plan = point_.assignment.serving;
    return expected_.flops / peak_ * static_cast<double>(plan.prefill_chunk + plan.batch) / plan.batch;
  }

  std::string progress_text(const StoppingRule& rule, const std::vector<double>& samples, double elapsed) const {
    const auto n = static_cast<double>(samples.size());
    const double counted = std::min(rule.max_seconds - elapsed, (rule.max_iterations - n) * step_seconds_);
    return fmt::format("{}: iteration {:.0f}, {} a step, at most {:.0f} s left", settings_.label, n,
                       format_duration(step_seconds_), std::max(0.0, counted) + seconds_to_come());
  }

  int marked_iterations() const {
    return std::clamp(static_cast<int>(std::min(1e6, kMarkedShare * settings_.stopping.max_seconds / step_seconds_)),
                      kLeastMarked, kMostMarked);
  }

  GpuWatch* watch() const { return crew_.hardware.watch.get(); }
  bool decodes() const { return job_.workload.kind == WorkloadKind::decode; }
  bool mutes() const {
    return decodes() ? point_.assignment.plan.tp > 1 : point_.ranks > 1;
  }  // one rank has nothing to mute, and nothing that could interfere

  // What the marked and the muted iterations will take, s.
  double seconds_to_come() const {
    if (job_.workload.kind != WorkloadKind::training) return 0;
    return (mutes() ? 2 : 1) * step_seconds_ * marked_iterations();
  }

  void mark_and_mute(Sampler& sampler) {
    const int wanted = static_cast<int>(agreed(marked_iterations()));
    for (const IterationKind kind : {IterationKind::marked, IterationKind::muted}) {
      if (kind == IterationKind::muted && !mutes()) break;
      crew_.progress.update(fmt::format("{}: {} {} iterations", settings_.label, wanted,
                                        kind == IterationKind::marked ? "marked" : "muted"));
      if (sampler.trouble().empty()) sampler.run(kind, wanted);
    }
  }

  const Job& job_;
  const PointPlan& point_;
  int index_;
  const MeasureSettings& settings_;
  Crew& crew_;
  Group group_;
  DryRun expected_;
  Backend backend_{};
  std::unique_ptr<Step> step_{};
  double step_seconds_ = 0, memory_before_ = 0;
  double peak_ = kUnknown, peak_of_products_ = kUnknown, bandwidth_ = kUnknown;  // FLOP/s, B/s
};

}  // namespace

Point measure_point(const Job& job, std::size_t index, const MeasureSettings& settings, Crew& crew,
                    const std::function<void()>& before_first) {
  Control& control = crew.control;
  const PointPlan& plan = job.points[index];
  const bool takes_part = control.rank() < plan.ranks;
  Point point;
  crew.watchdog.enter("set-up", static_cast<int>(index), takes_part ? kSetUpTimeout : 0);
  {
    std::optional<RankOfPoint> mine;
    if (takes_part) mine.emplace(job, index, settings, crew);
    const double available = settings.memory(plan.ranks);
    control.together([&] {
      if (mine) mine->check_memory(available);
    });
    control.together([&] {
      if (mine) mine->open_backend();
    });
    if (mine) mine->measure_peak();
    control.together([&] {
      if (mine) mine->prepare();
    });
    control.together([&] {
      if (mine) mine->agree_on_order();
    });
    control.together([&] {
      if (mine) mine->show_step();
    });
    control.together(before_first);
    if (mine) {
      const PointSamples samples = mine->measure();
      crew.watchdog.enter("gathering", static_cast<int>(index), kSetUpTimeout);
      point = gather_point(job, index, samples, control);
      point.oversubscribed = mine->oversubscribed();
    }
  }
  crew.watchdog.enter("between points", static_cast<int>(index), 0);
  control.barrier(control.world());
  return point;
}

}  // namespace scalebench
