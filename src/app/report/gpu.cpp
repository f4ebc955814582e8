#include "app/report/gpu.hpp"

#include <cmath>
#include <cstdint>
#include <vector>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "app/gpu/nvml.hpp"
#include "app/measure/statistics.hpp"

namespace scalebench {

namespace {

std::vector<double> known(const Point& point, GpuFigure figure) {
  std::vector<double> values;
  for (const GpuFigures& rank : point.gpu.ranks)
    if (!std::isnan(at(rank, figure))) values.push_back(at(rank, figure));
  return values;
}

double least(const Point& point, GpuFigure figure) {
  double value = kUnknown;
  for (const double of_rank : known(point, figure)) value = std::fmin(value, of_rank);
  return value;
}

double most(const Point& point, GpuFigure figure) {
  double value = kUnknown;
  for (const double of_rank : known(point, figure)) value = std::fmax(value, of_rank);
  return value;
}

std::string throttling(const Point& point) {
  if (std::isnan(point.gpu.throttled)) return "";
  if (point.gpu.throttled == 0) return "never slowed";
  std::uint64_t bits = 0;
  for (const double reasons : known(point, GpuFigure::throttle_reasons)) bits |= static_cast<std::uint64_t>(reasons);
  const std::string why = throttle_text(bits);
  return fmt::format("slowed in {:.3g} % of the steps{}", 100 * point.gpu.throttled,
                     why.empty() ? "" : " (" + why + ")");
}

}  // namespace

std::string gpu_text(const Point& point) {
  using enum GpuFigure;
  std::vector<std::string> parts;
  if (!std::isnan(point.gpu.energy_per_step))
    parts.push_back(fmt::format("{:.4g} J a step over all GPUs", point.gpu.energy_per_step));
  if (const double clock = median(known(point, sm_clock_median)); !std::isnan(clock))
    parts.push_back(fmt::format("clock {:.0f} MHz, at least {:.0f}", clock / 1e6, least(point, sm_clock_min) / 1e6));
  if (const double heat = most(point, temperature_max); !std::isnan(heat))
    parts.push_back(fmt::format("{:.0f} C at most", heat));
  if (const std::string text = throttling(point); !text.empty()) parts.push_back(text);
  if (const double errors = most(point, ecc_errors); errors > 0)
    parts.push_back(fmt::format("{:.0f} uncorrected memory errors on one", errors));
  return fmt::format("{}", fmt::join(parts, "; "));
}

}  // namespace scalebench
