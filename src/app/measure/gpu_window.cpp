#include "app/measure/gpu_window.hpp"

#include <algorithm>
#include <cmath>

#include "app/measure/measurement.hpp"
#include "app/measure/statistics.hpp"

namespace scalebench {

namespace {

// From the last reading that is not behind `begin` to the first that is not before `end`.
std::span<const GpuReading> around(std::span<const GpuReading> readings, double begin, double end) {
  if (std::isnan(begin) || std::isnan(end)) return {};
  auto first = std::ranges::upper_bound(readings, begin, {}, &GpuReading::time);
  if (first != readings.begin()) --first;
  auto last = std::ranges::lower_bound(readings, end, {}, &GpuReading::time);
  if (last != readings.end()) ++last;
  return first < last ? std::span(first, last) : std::span<const GpuReading>{};
}

std::span<const GpuReading> within(std::span<const GpuReading> readings, double begin, double end) {
  if (std::isnan(begin) || std::isnan(end)) return {};
  const auto first = std::ranges::lower_bound(readings, begin, {}, &GpuReading::time);
  const auto last = std::ranges::upper_bound(readings, end, {}, &GpuReading::time);
  return first < last ? std::span(first, last) : std::span<const GpuReading>{};
}

template <class Field>
std::vector<double> known(std::span<const GpuReading> readings, Field field) {
  std::vector<double> values;
  for (const GpuReading& reading : readings)
    if (reading.*field) values.push_back(static_cast<double>(*(reading.*field)));
  return values;
}

double least(const std::vector<double>& values) {
  return values.empty() ? kUnknown : *std::ranges::min_element(values);
}
double most(const std::vector<double>& values) { return values.empty() ? kUnknown : *std::ranges::max_element(values); }

double all_reasons(std::span<const GpuReading> readings) {
  std::optional<std::uint64_t> bits;
  for (const GpuReading& reading : readings)
    if (reading.throttle_reasons) bits = bits.value_or(0) | *reading.throttle_reasons;
  return bits ? static_cast<double>(*bits) : kUnknown;
}

double grown(std::span<const GpuReading> readings, std::optional<double> GpuReading::*counter) {
  if (readings.empty() || !(readings.front().*counter) || !(readings.back().*counter)) return kUnknown;
  const double difference = *(readings.back().*counter) - *(readings.front().*counter);
  return difference < 0 ? kUnknown : difference;  // a counter that began anew
}

}  // namespace

double throttled(std::span<const GpuReading> readings, double begin, double end) {
  std::span<const GpuReading> beside = within(readings, begin, end);
  if (beside.empty()) beside = around(readings, begin, end);
  const double bits = all_reasons(beside);
  return std::isnan(bits) ? kUnknown : slows(static_cast<std::uint64_t>(bits)) ? 1 : 0;
}

GpuFigures figures_of(std::span<const GpuReading> readings, double begin, double end, std::size_t steps) {
  GpuFigures figures;
  figures.fill(kUnknown);
  const std::span<const GpuReading> beside = around(readings, begin, end);
  if (beside.empty()) return figures;
  using enum GpuFigure;
  // Readings that lie inside, not those at the ends of the window, which may be long before or after.
  const std::span<const GpuReading> inside = within(readings, begin, end);
  const std::span<const GpuReading> of_steps = inside.empty() ? beside : inside;
  const bool covered = beside.front().time <= begin && beside.back().time >= end;
  const double window = beside.back().time - beside.front().time;
  const double energy = grown(beside, &GpuReading::energy);
  if (covered && window >= kLeastEnergyWindow && steps > 0 && !std::isnan(energy)) {
    at(figures, energy_per_step) = energy / static_cast<double>(steps);
    at(figures, energy_window) = window;
  }
  at(figures, power) = median(known(of_steps, &GpuReading::power));
  at(figures, sm_clock_median) = median(known(of_steps, &GpuReading::sm_clock));
  at(figures, sm_clock_min) = least(known(of_steps, &GpuReading::sm_clock));
  at(figures, memory_clock_min) = least(known(of_steps, &GpuReading::memory_clock));
  at(figures, temperature_first) = beside.front().temperature.value_or(kUnknown);
  at(figures, temperature_max) = most(known(beside, &GpuReading::temperature));
  at(figures, throttle_reasons) = all_reasons(of_steps);
  at(figures, ecc_errors) = grown(beside, &GpuReading::uncorrected_errors);
  return figures;
}

}  // namespace scalebench
