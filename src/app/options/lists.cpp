#include "app/options/lists.hpp"

#include <algorithm>
#include <optional>

#include <fmt/format.h>

#include "app/options/table.hpp"
#include "base/units.hpp"

namespace scalebench {

namespace {

// Pieces between commas, empty ones too.
std::vector<std::string_view> pieces_of(std::string_view text) {
  std::vector<std::string_view> pieces;
  for (std::size_t begin = 0; begin <= text.size();) {
    const std::size_t end = std::min(text.find(',', begin), text.size());
    pieces.push_back(text.substr(begin, end - begin));
    begin = end + 1;
  }
  return pieces;
}

std::optional<LatencyMetric> metric_named(std::string_view name) {
  for (const LatencyMetric metric :
       {LatencyMetric::ttft, LatencyMetric::tpot, LatencyMetric::itl_gap, LatencyMetric::itl_tok, LatencyMetric::e2el})
    if (option_name(name_of(metric)) == option_name(name)) return metric;
  return std::nullopt;
}

// "ttft:200ms".
std::optional<LatencyLimit> limit_of(std::string_view text) {
  const std::size_t colon = std::min(text.find(':'), text.size());
  const auto metric = metric_named(text.substr(0, colon));
  const auto seconds = parse_duration(text.substr(std::min(colon + 1, text.size())));
  if (!metric || !seconds || !(*seconds > 0)) return std::nullopt;
  return LatencyLimit{.metric = *metric, .seconds = *seconds};
}

}  // namespace

std::vector<int> rising_list(const Given& given, int most) {
  std::vector<int> list;
  for (const std::string_view piece : pieces_of(given.value)) {
    const auto value = parse_integer(piece);
    if (!value || *value < 1 || *value > most || (!list.empty() && *value <= list.back()))
      refuse(given, fmt::format("a list of whole numbers from 1 to {}, each larger than the one before", most),
             "1,2,4");
    list.push_back(static_cast<int>(*value));
  }
  return list;
}

std::vector<double> rising_rates(const Given& given, double most) {
  std::vector<double> list;
  for (const std::string_view piece : pieces_of(given.value)) {
    const auto value = parse_real(piece);
    if (!value || !(*value > 0 && *value <= most) || (!list.empty() && *value <= list.back()))
      refuse(given, fmt::format("a list of numbers above 0 and up to {}, each larger than the one before", most),
             "0.5,1,2");
    list.push_back(*value);
  }
  return list;
}

std::vector<LatencyLimit> limits_in(const Given& given) {
  std::vector<LatencyLimit> limits;
  for (const std::string_view piece : pieces_of(given.value)) {
    const auto limit = limit_of(piece);
    if (!limit ||
        std::any_of(limits.begin(), limits.end(), [&](const LatencyLimit& l) { return l.metric == limit->metric; }))
      refuse(given, "a list of limits, each of another of ttft, tpot, itl_gap, itl_tok and e2el: a colon and a time",
             "ttft:200ms,tpot:20ms");
    limits.push_back(*limit);
  }
  return limits;
}

}  // namespace scalebench
