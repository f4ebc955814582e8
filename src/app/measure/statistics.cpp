#include "app/measure/statistics.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "base/random.hpp"

namespace scalebench {

namespace {

constexpr std::size_t kLeastForInterval = 6;  // below, even [min, max] covers less than 95 %
constexpr std::size_t kLeastForPercentile = 20;

// The largest k with P(fewer than k of n samples lie below the median) <= 2.5 %: the interval is [x_k, x_(n+1-k)],
// from 1.
std::size_t rank_of_interval(std::size_t n) {
  double term = std::pow(0.5, static_cast<double>(n)), tail = term;  // P(0 below), by the binomial distribution
  std::size_t k = 0;
  while (tail <= 0.025 && k < n / 2) {
    ++k;
    term *= static_cast<double>(n - k + 1) / static_cast<double>(k);
    tail += term;
  }
  return k;
}

double quantile_of_sorted(const std::vector<double>& sorted, double fraction) {
  if (sorted.empty()) return kUnknown;
  const double position = fraction * static_cast<double>(sorted.size() - 1);
  const auto below = static_cast<std::size_t>(position);
  const std::size_t above = std::min(below + 1, sorted.size() - 1);
  return sorted[below] + (position - static_cast<double>(below)) * (sorted[above] - sorted[below]);
}

}  // namespace

double quantile(std::vector<double> values, double fraction) {
  std::sort(values.begin(), values.end());
  return quantile_of_sorted(values, fraction);
}

double median(std::vector<double> values) { return quantile(std::move(values), 0.5); }

Summary summarise(std::span<const double> samples) {
  Summary s{.samples = samples.size()};
  if (samples.empty()) return s;
  std::vector<double> sorted(samples.begin(), samples.end());
  std::sort(sorted.begin(), sorted.end());
  s.median = quantile_of_sorted(sorted, 0.5);
  s.mean = std::accumulate(sorted.begin(), sorted.end(), 0.0) / static_cast<double>(sorted.size());
  s.min = sorted.front();
  s.max = sorted.back();
  if (sorted.size() >= kLeastForInterval) {
    const std::size_t k = rank_of_interval(sorted.size());
    s.ci_low = sorted[k - 1];
    s.ci_high = sorted[sorted.size() - k];
  }
  if (sorted.size() >= kLeastForPercentile) {
    s.p05 = quantile_of_sorted(sorted, 0.05);
    s.p95 = quantile_of_sorted(sorted, 0.95);
  }
  return s;
}

Difference difference_of_medians(const std::vector<double>& a, const std::vector<double>& b) {
  Difference d;
  if (a.empty() || b.empty()) return d;
  d.value = median(a) - median(b);
  if (std::min(a.size(), b.size()) < kLeastForInterval) return d;
  constexpr int kResamples = 2000;
  std::uint64_t counter = 0;
  const auto resampled_median = [&](const std::vector<double>& from) {
    std::vector<double> drawn;
    for (std::size_t i = 0; i < from.size(); ++i) drawn.push_back(from[random_bits(1, counter++) % from.size()]);
    return median(std::move(drawn));
  };
  std::vector<double> differences;
  for (int i = 0; i < kResamples; ++i) {
    const double of_a = resampled_median(a);
    differences.push_back(of_a - resampled_median(b));
  }
  d.ci_low = quantile(differences, 0.025);
  d.ci_high = quantile(differences, 0.975);
  return d;
}

double relative_half_width(const Summary& summary) { return 0.5 * (summary.ci_high - summary.ci_low) / summary.median; }

}  // namespace scalebench
