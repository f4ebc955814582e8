// The columns of summary/: one table for the writer and the reader.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

#include "app/measure/measurement.hpp"

namespace scalebench {

// Columns that make no sense for a workload are left out of its file.
// step: of workloads whose steps are marked and muted. gpu: of points whose GPUs were watched.
enum class Kind : std::uint8_t { any, step, training, collective, decode, gpu };

// Whether a column belongs into a file of workloads of this kind.
constexpr bool belongs(Kind column, Kind of_file) {
  return column == Kind::any || column == of_file || (column == Kind::step && of_file != Kind::collective);
}
Kind kind_of(std::span<const Point* const> points);

// A column of real numbers, one of each point.
struct RealColumn {
  std::string_view name, units, long_name;
  Kind kind;
  const double& (*value)(const Point&);
  double& (*field)(Point&);
};

struct IntegerColumn {
  std::string_view name, long_name;
  Kind kind;
  std::int64_t (*get)(const Point&);
  void (*set)(Point&, std::int64_t);
};

std::span<const RealColumn> real_columns();
std::span<const IntegerColumn> integer_columns();

// What each part of a step is, in the order of Phase.
inline constexpr std::array<std::string_view, kPhases> kPhaseMeanings = {
    "compute lane at work, less interference",
    "compute made longer by communication beside it (signed)",
    "communication that no compute hides, less imbalance",
    "waiting for ranks that come later",
    "waiting for other pipeline stages",
    "optimizer",
    "input",
    "launching, and work on the host",
    "rest of the step that no part covers"};

bool has_marked(const Point& point);                 // without a marked iteration, the parts of the step are unknown
bool watched(std::span<const Point* const> points);  // of any, what its GPUs did is known
double largest(std::span<const double> values);      // of those that are known, else NaN

}  // namespace scalebench
