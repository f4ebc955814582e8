// Order statistics of samples: no assumption of normality (metrics.md "Time").
#pragma once

#include <span>
#include <vector>

#include "app/measure/measurement.hpp"

namespace scalebench {

double median(std::vector<double> values);  // NaN of none

// Linear interpolation between the order statistics, as numpy does by default; fraction in [0, 1].
double quantile(std::vector<double> values, double fraction);

// The median's 95 % interval needs 6 samples, p5 and p95 need 20; with fewer they are NaN.
Summary summarise(std::span<const double> samples);

// median(a) - median(b) and its 95 % interval, by a seeded bootstrap; no interval with fewer than 6 samples in either.
struct Difference {
  double value = kUnknown, ci_low = kUnknown, ci_high = kUnknown;
};
Difference difference_of_medians(const std::vector<double>& a, const std::vector<double>& b);

// Half-width of the interval over the median; NaN where there is no interval.
double relative_half_width(const Summary& summary);

}  // namespace scalebench
