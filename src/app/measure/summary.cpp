#include "app/measure/summary.hpp"

#include <algorithm>
#include <numeric>
#include <set>

#include "app/measure/span_text.hpp"
#include "app/measure/split.hpp"
#include "app/measure/statistics.hpp"

namespace scalebench {

namespace {

double at(const Phases& phases, Phase phase) { return phases[static_cast<std::size_t>(phase)]; }

double longest(const Iteration& iteration) {
  return *std::max_element(iteration.samples.begin(), iteration.samples.end());
}

std::vector<double> longest_of(const Point& point, IterationKind kind) {
  std::vector<double> times;
  for (const Iteration& iteration : point.iterations)
    if (iteration.kind == kind) times.push_back(longest(iteration));
  return times;
}

double mean(const std::vector<double>& values) {
  return values.empty() ? kUnknown
                        : std::accumulate(values.begin(), values.end(), 0.0) / static_cast<double>(values.size());
}

// Each rank's iterations as one row of numbers: seconds and phases.
std::vector<double> packed(const std::vector<LocalIteration>& iterations) {
  std::vector<double> row;
  for (const LocalIteration& i : iterations) {
    row.push_back(i.seconds);
    row.insert(row.end(), i.phases.begin(), i.phases.end());
  }
  return row;
}

// What communication costs compute: each rank's compute less that of its own muted iterations.
void charge_all_interference(std::vector<Iteration>& iterations, std::size_t ranks) {
  for (std::size_t rank = 0; rank < ranks; ++rank) {
    std::vector<double> muted;
    for (const Iteration& i : iterations)
      if (i.kind == IterationKind::muted) muted.push_back(at(i.phases[rank], Phase::compute));
    if (muted.empty()) continue;
    for (Iteration& i : iterations)
      if (i.kind == IterationKind::marked) charge_interference(i.phases[rank], median(muted));
  }
}

std::vector<Iteration> joined(const std::vector<LocalIteration>& mine, const std::vector<std::vector<double>>& rows) {
  const auto warmups = std::count_if(mine.begin(), mine.end(), [](auto& i) { return i.kind == IterationKind::warmup; });
  std::vector<Iteration> iterations;
  for (std::size_t i = 0; i < mine.size(); ++i) {
    Iteration iteration{.index = mine[i].index - warmups, .kind = mine[i].kind};
    const bool recorded = iteration.kind == IterationKind::marked || iteration.kind == IterationKind::muted;
    for (const auto& row : rows) {
      const auto entry = row.begin() + static_cast<std::ptrdiff_t>(i * (1 + kPhases));
      iteration.samples.push_back(*entry);
      if (!recorded) continue;
      Phases phases{};
      std::copy(entry + 1, entry + 1 + kPhases, phases.begin());
      iteration.phases.push_back(phases);
      iteration.phases_total.push_back(*entry);
    }
    iterations.push_back(std::move(iteration));
  }
  charge_all_interference(iterations, rows.size());
  for (Iteration& i : iterations)  // of muted ones only their length is a result
    if (i.kind == IterationKind::muted) i.phases.clear(), i.phases_total.clear();
  return iterations;
}

// The split of the rank that ended the step, over the marked iterations: means, so that parts add up to marked_time.
void summarise_phases(Point& point) {
  const std::vector<double> marked = longest_of(point, IterationKind::marked);
  point.marked_time = mean(marked);
  const std::vector<double> muted = longest_of(point, IterationKind::muted);
  point.muted_time = mean(muted);
  const Difference difference = difference_of_medians(longest_of(point, IterationKind::counted), muted);
  point.unmuted_less_muted = difference.value;
  point.unmuted_less_muted_ci_low = difference.ci_low;
  point.unmuted_less_muted_ci_high = difference.ci_high;
  point.phases.fill(marked.empty() ? kUnknown : 0);
  for (const Iteration& i : point.iterations) {
    if (i.kind != IterationKind::marked) continue;
    const auto last = std::max_element(i.samples.begin(), i.samples.end()) - i.samples.begin();
    for (std::size_t phase = 0; phase < kPhases; ++phase)
      point.phases[phase] += i.phases[static_cast<std::size_t>(last)][phase] / static_cast<double>(marked.size());
  }
}

// What one rank does, by how it multiplies: as tensors are stored, as the plan's products say.
struct Work {
  double plain, in_products;
};

// s at the peak of each operation's own precision.
double ideal_time(const Work& flops, const Work& peak) {
  return flops.plain / peak.plain + (flops.in_products > 0 ? flops.in_products / peak.in_products : 0);
}

// Rates are summed work over summed time.
void summarise_training(Point& point, const Assignment& a, const Work& of_rank, const Work& peak,
                        const Work& datasheet) {
  const double step = point.step_time.mean;
  const FlopsPerToken flops = training_flops_per_token(a.model, a.plan.sequence);
  const auto tokens = static_cast<double>(a.plan.tokens_per_step());
  point.tokens_per_second = tokens / step;
  point.flops_per_token_megatron = flops.megatron;
  point.flops_per_token_non_causal = flops.non_causal;
  point.flops_per_token_6n = flops.six_n;
  point.peak_measured = peak.plain;
  point.peak_of_products = peak.in_products;
  const double in_products = flops_in_products(a.plan, a.model), plain = flops.megatron - in_products;
  point.share_in_products = in_products / flops.megatron;
  point.mfu = ideal_time({plain, in_products}, peak) * tokens / point.ranks / step;
  point.peak_datasheet = datasheet.plain;
  point.mfu_datasheet = ideal_time({plain, in_products}, datasheet) * tokens / point.ranks / step;
  point.hfu = ideal_time(of_rank, peak) / step;
}

// nccl-tests' arithmetic: time = the calls back to back over their number, mean over ranks.
void summarise_collective(Point& point, const Transfer& transfer, const PointSamples& mine) {
  std::vector<double> times;
  for (const Iteration& i : point.iterations)
    if (i.kind == IterationKind::counted) times.push_back(mean(i.samples));
  point.bytes = static_cast<double>(transfer.bytes);
  point.in_place = transfer.in_place;
  point.time = mean(times);
  point.algbw = point.bytes / point.time;
  point.busbw = point.algbw * mine.bus_factor;
}

std::vector<SpanRow> chosen_spans(const PointSamples& mine, const Point& point, Control& control) {
  double slowest = 0;
  if (control.rank() == 0 && !mine.spans.empty()) {
    for (const Iteration& i : point.iterations)  // the last marked one counts
      if (i.kind == IterationKind::marked)
        slowest = static_cast<double>(std::max_element(i.samples.begin(), i.samples.end()) - i.samples.begin());
  }
  slowest = control.broadcast({&slowest, 1}, mine.group)[0];
  const bool chosen = control.rank() == 0 || control.rank() == static_cast<int>(slowest);
  std::vector<SpanRow> spans;
  for (const std::string& text : control.gather(chosen ? packed_spans(mine.spans) : "", mine.group))
    for (SpanRow& row : unpacked_spans(text)) spans.push_back(std::move(row));
  return spans;
}

}  // namespace

Point gather_point(const Job& job, std::size_t index, const PointSamples& mine, Control& control) {
  const PointPlan& plan = job.points[index];
  const auto rows = control.gather(packed(mine.iterations), mine.group);
  const auto own = control.gather(std::vector{mine.memory_peak, mine.memory_allocated, mine.peak, mine.wrong,
                                              mine.expected.flops, static_cast<double>(mine.expected.memory.peak),
                                              mine.expected.flops_in_products, mine.peak_of_products, mine.host_memory},
                                  mine.group);
  const auto hosts = control.gather(control.host(), mine.group);

  Point point{.ranks = plan.ranks, .threads = job.threads, .stop_reason = mine.stop_reason};
  if (control.rank() == 0) {
    point.nodes = static_cast<int>(std::set(hosts.begin(), hosts.end()).size());
    point.iterations = joined(mine.iterations, rows);
    for (const StepValues& value : mine.values) {
      Iteration& iteration = point.iterations[static_cast<std::size_t>(value.iteration)];
      if (iteration.kind == IterationKind::muted) continue;
      iteration.loss = value.loss;
      iteration.gradient_norm = value.gradient_norm;
      iteration.loss_scale = value.loss_scale;
      if (value.loss_scale > 0)
        point.skipped_steps = (point.skipped_steps > 0 ? point.skipped_steps : 0) + (value.skipped() ? 1 : 0);
    }
    std::vector<double> peaks, flops, estimates, flops_in_products, peaks_of_products;
    point.wrong = 0;
    for (const auto& rank : own) {
      point.memory_peak.push_back(rank[0]);
      point.memory_allocated.push_back(rank[1]);
      peaks.push_back(rank[2]);
      point.wrong += rank[3];  // of all ranks together, as nccl-tests counts them
      flops.push_back(rank[4]);
      estimates.push_back(rank[5]);
      flops_in_products.push_back(rank[6]);
      peaks_of_products.push_back(rank[7]);
      if (plan.assignment.plan.offload) point.host_memory.push_back(rank[8]);
    }
    point.step_time = summarise(longest_of(point, IterationKind::counted));
    summarise_phases(point);
    point.memory_estimate = *std::max_element(estimates.begin(), estimates.end());
    if (job.workload.kind == WorkloadKind::training)
      summarise_training(point, plan.assignment, {mean(flops) - mean(flops_in_products), mean(flops_in_products)},
                         {mean(peaks), mean(peaks_of_products)},
                         {mine.peak_datasheet, mine.peak_of_products_datasheet});
    if (job.workload.kind == WorkloadKind::collective) summarise_collective(point, plan.assignment.transfer, mine);
  }
  point.spans = chosen_spans(mine, point, control);
  if (mine.gpu) gather_gpu(point, *mine.gpu, mine.iterations, mine.group, control);
  if (job.workload.kind == WorkloadKind::decode) gather_decode(point, plan, mine.decode, mine.group, control);
  return point;
}

void compare_points(std::vector<Point>& points, ScalingKind scaling) {
  if (points.empty()) return;
  if (points.front().decode.present()) return compare_decode(points);
  const Point base = points.front();
  for (Point& point : points) {
    const double ratio = base.step_time.median / point.step_time.median;
    const double ranks = static_cast<double>(point.ranks) / base.ranks;
    point.efficiency = scaling == ScalingKind::strong ? ratio / ranks : ratio;
    point.speedup = scaling == ScalingKind::strong ? ratio : ratio * ranks;
  }
}

}  // namespace scalebench
