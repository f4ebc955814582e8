#include "app/measure/gpu_summary.hpp"

#include <algorithm>
#include <cmath>
#include <map>

#include "app/measure/gpu_window.hpp"

namespace scalebench {

namespace {

double end_of(const LocalIteration& iteration) { return iteration.begin + iteration.seconds; }

GpuFigures figures_of_counted(const std::vector<GpuReading>& readings, const std::vector<LocalIteration>& iterations) {
  double begin = kUnknown, end = kUnknown;
  std::size_t steps = 0;
  for (const LocalIteration& i : iterations) {
    if (i.kind != IterationKind::counted || std::isnan(end_of(i))) continue;
    begin = std::fmin(begin, i.begin), end = std::fmax(end, end_of(i));
    ++steps;
  }
  return figures_of(readings, begin, end, steps);
}

bool known(double value) { return !std::isnan(value); }

}  // namespace

double energy_of_all(const std::vector<GpuFigures>& ranks, const std::vector<std::string>& gpus) {
  std::map<std::string, double> of_gpu;
  for (std::size_t rank = 0; rank < ranks.size(); ++rank)
    of_gpu.emplace(gpus[rank], at(ranks[rank], GpuFigure::energy_per_step));
  double sum = 0;
  for (const auto& [gpu, energy] : of_gpu) sum += energy;
  return of_gpu.empty() ? kUnknown : sum;
}

double throttled_share(const std::vector<Iteration>& iterations) {
  double slowed = 0, all = 0;
  for (const Iteration& i : iterations) {
    if (i.kind != IterationKind::counted || std::ranges::none_of(i.throttled, known)) continue;
    ++all;
    slowed += std::ranges::any_of(i.throttled, [](double value) { return value == 1; }) ? 1 : 0;
  }
  return all == 0 ? kUnknown : slowed / all;
}

void gather_gpu(Point& point, const GpuSamples& mine, const std::vector<LocalIteration>& iterations, const Group& group,
                Control& control) {
  const GpuFigures figures = figures_of_counted(mine.readings, iterations);
  std::vector<double> row(figures.begin(), figures.end());
  for (const LocalIteration& i : iterations) row.push_back(throttled(mine.readings, i.begin, end_of(i)));
  const auto rows = control.gather(row, group);
  const auto gpus = control.gather(mine.gpu, group);
  if (std::ranges::all_of(rows, [](const auto& of_rank) { return std::ranges::none_of(of_rank, known); })) return;
  for (const auto& of_rank : rows) {
    std::copy_n(of_rank.begin(), kGpuFigures, point.gpu.ranks.emplace_back().begin());
    for (std::size_t i = 0; i < point.iterations.size(); ++i)
      point.iterations[i].throttled.push_back(of_rank[kGpuFigures + i]);
  }
  for (Iteration& i : point.iterations)
    if (std::ranges::none_of(i.throttled, known)) i.throttled.clear();
  point.gpu.energy_per_step = energy_of_all(point.gpu.ranks, gpus);
  point.gpu.throttled = throttled_share(point.iterations);
}

}  // namespace scalebench
