#include "app/rate_search.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

#include <fmt/format.h>

namespace scalebench {

namespace {

constexpr double kNear = 0.1;  // of the rate that is served: how far above it the one that fails may lie
constexpr std::size_t kMostRates = 10;

double in_three_digits(double rate) {
  const double unit = std::pow(10, std::floor(std::log10(rate)) - 2);
  return std::round(rate / unit) * unit;
}

std::string failure(const TriedRate& tried) {
  return fmt::format("{:.3g} fails: {}", tried.rate,
                     tried.cut ? "--max-seconds cut it short" : fmt::format("{:.3g} % good", 100 * tried.good_share));
}

}  // namespace

RateSearch::RateSearch(double first, double least)
    : first_(in_three_digits(std::max(first, least))), least_(in_three_digits(least)) {}

std::optional<double> RateSearch::next() const {
  const TriedRate *const low = served(), *const high = failed();
  if (tried_.empty()) return first_;
  if (tried_.size() >= kMostRates) return std::nullopt;
  if (high == nullptr) return in_three_digits(2 * low->rate);
  if (low == nullptr)
    return high->rate > least_ ? std::optional(in_three_digits(std::max(high->rate / 2, least_))) : std::nullopt;
  if (high->rate < (1 + kNear) * low->rate) return std::nullopt;
  return in_three_digits((low->rate + high->rate) / 2);
}

double RateSearch::found() const {
  return served() == nullptr ? std::numeric_limits<double>::quiet_NaN() : served()->rate;
}

std::string RateSearch::text() const {
  const TriedRate *const low = served(), *const high = failed();
  if (low == nullptr && high->rate <= least_)
    return fmt::format("none found; {}, and at lower rates the requests come too slowly for --max-seconds",
                       failure(*high));
  if (low == nullptr) return fmt::format("none found in {} tries; {}", tried_.size(), failure(*high));
  if (high == nullptr)
    return fmt::format("at least {:.3g} requests/s; none failed of the {} that were tried", low->rate, tried_.size());
  return fmt::format("{:.3g} requests/s; {}", low->rate, failure(*high));
}

const TriedRate* RateSearch::served() const {
  const TriedRate* highest = nullptr;
  for (const TriedRate& tried : tried_)
    if (tried.served() && (highest == nullptr || tried.rate > highest->rate)) highest = &tried;
  return highest;
}

const TriedRate* RateSearch::failed() const {
  const TriedRate* lowest = nullptr;
  for (const TriedRate& tried : tried_)
    if (!tried.served() && (lowest == nullptr || tried.rate < lowest->rate)) lowest = &tried;
  return lowest;
}

}  // namespace scalebench
