// Medians of repeats. What is compared takes turns, so that a drift of the machine falls on both sides alike.
#pragma once

#include <functional>
#include <vector>

#include "app/measure/statistics.hpp"
#include "base/clock.hpp"

namespace scalebench::bench {

inline double time_of(const auto& work) {
  const double begin = monotonic_seconds();
  work();
  return monotonic_seconds() - begin;
}

// Of one call, repeated for about `window` s and at least three times, after one to warm up.
inline double median_time(const auto& work, double window) {
  work();
  std::vector<double> times;
  for (double sum = 0; sum < window || times.size() < 3; sum += times.back()) times.push_back(time_of(work));
  return median(times);
}

using Sides = std::vector<std::function<double()>>;

// [side][round]: what each side returned, one side after the other in each round.
inline std::vector<std::vector<double>> alternate(int rounds, const Sides& sides) {
  std::vector<std::vector<double>> values(sides.size());
  for (int round = 0; round < rounds; ++round)
    for (std::size_t side = 0; side < sides.size(); ++side) values[side].push_back(sides[side]());
  return values;
}

}  // namespace scalebench::bench
