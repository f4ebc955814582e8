// What the GPUs of a point did beside its steps, as NVML tells it: plain data. Unknown is NaN, never 0.
#pragma once

#include <array>
#include <cstdint>
#include <limits>
#include <string_view>
#include <vector>

namespace scalebench {

// Of a rank's GPU, over its counted iterations.
enum class GpuFigure : std::uint8_t {
  energy_per_step,
  energy_window,
  power,
  sm_clock_median,
  sm_clock_min,
  memory_clock_min,
  temperature_first,
  temperature_max,
  throttle_reasons,
  ecc_errors
};

struct GpuColumn {
  std::string_view name, units, long_name;
};
inline constexpr std::array<GpuColumn, 10> kGpuColumns = {{
    {"energy_per_step", "J", "energy of the GPU over its window, by the steps in it"},
    {"energy_window", "s", "between the two readings of the counter of energy"},
    {"power", "W", "median of what the driver says; a hint, as it sees a part of the time alone"},
    {"sm_clock_median", "Hz", "median clock of the multiprocessors"},
    {"sm_clock_min", "Hz", "lowest clock of the multiprocessors"},
    {"memory_clock_min", "Hz", "lowest clock of the memory"},
    {"temperature_first", "degC", "temperature at the first counted iteration"},
    {"temperature_max", "degC", "highest temperature"},
    {"throttle_reasons", "1", "bits of nvml.h's clocks event reasons, of all readings together"},
    {"ecc_errors", "1", "uncorrected errors of memory that came meanwhile"},
}};
inline constexpr std::size_t kGpuFigures = kGpuColumns.size();
using GpuFigures = std::array<double, kGpuFigures>;

constexpr double& at(GpuFigures& figures, GpuFigure figure) { return figures[static_cast<std::size_t>(figure)]; }
constexpr double at(const GpuFigures& figures, GpuFigure figure) { return figures[static_cast<std::size_t>(figure)]; }

struct GpuResults {
  std::vector<GpuFigures> ranks{};                                    // empty: no GPU, or nothing to read it by
  double energy_per_step = std::numeric_limits<double>::quiet_NaN();  // J, of all GPUs together
  double throttled = std::numeric_limits<double>::quiet_NaN();        // share of the counted iterations
  bool present() const { return !ranks.empty(); }
};

}  // namespace scalebench
