#include "app/options/values.hpp"

#include <algorithm>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "base/check.hpp"
#include "base/text.hpp"
#include "base/units.hpp"

namespace scalebench {

namespace {

// Elsewhere a list is a sweep.
void refuse_list(const Given& given) {
  if (given.value.find(',') == std::string::npos) return;
  fail(Exit::bad_input,
       "{} is the list '{}' (a sweep over it is not in this version) give one value, and run once for each",
       given.where, printable(given.value));
}

}  // namespace

void refuse(const Given& given, const std::string& wanted, const std::string& example) {
  fail(Exit::bad_input, "{} is '{}' (it must be {}) write for example --{} {}", given.where, printable(given.value),
       wanted, given.name, example);
}

std::int64_t whole_in(const Given& given, std::int64_t least, std::int64_t most) {
  refuse_list(given);
  const auto value = parse_integer(given.value);
  if (!value || *value < least || *value > most)
    refuse(given, fmt::format("a whole number from {} to {}", least, most),
           fmt::format("{}", std::max<std::int64_t>(least, 1)));
  return *value;
}

double real_in(const Given& given, double low, double high, std::string_view example) {
  refuse_list(given);
  const auto value = parse_real(given.value);
  if (!value || !(*value >= low && *value < high))
    refuse(given, fmt::format("a number from {} to below {}", low, high), std::string(example));
  return *value;
}

double share_in(const Given& given, std::string_view example) {
  refuse_list(given);
  const auto value = parse_real(given.value);
  if (!value || !(*value > 0 && *value <= 1)) refuse(given, "a number above 0 and up to 1", std::string(example));
  return *value;
}

double duration_in(const Given& given, double low, double high) {
  refuse_list(given);
  const auto value = parse_duration(given.value);
  if (!value || !(*value > low && *value <= high))
    refuse(given, fmt::format("a time above {} s and up to {}, in s or with ms, s, min, h", low, format_duration(high)),
           "60");
  return *value;
}

std::int64_t bytes_in(const Given& given, std::int64_t least, std::int64_t most) {
  refuse_list(given);
  const auto value = parse_bytes(given.value);
  if (!value || *value < least || *value > most)
    refuse(given,
           fmt::format("a size from {} to {}; MB, GB are decimal, MiB, GiB and M, G binary", format_size(least),
                       format_size(most)),
           "25MiB");
  return *value;
}

int choice_in(const Given& given, std::span<const Choice> choices) {
  std::vector<std::string> all, have;
  for (const Choice& choice : choices) {
    if (choice.name == given.value && choice.value) return *choice.value;
    all.emplace_back(choice.name);
    if (choice.value) have.emplace_back(choice.name);
  }
  refuse_list(given);
  if (std::find(all.begin(), all.end(), given.value) != all.end())
    fail(Exit::bad_input, "{} {} is not in this version (it has {}) choose one of these, or leave it out", given.where,
         given.value, fmt::join(have, ", "));
  fail(Exit::bad_input, "{} is '{}' (it must be one of: {}) did you mean {}?", given.where, printable(given.value),
       fmt::join(have, ", "), fmt::join(nearest(given.value, have), " or "));
}

bool yes_no(const Given& given) {
  constexpr Choice kWords[] = {{"yes", 1}, {"no", 0},  {"true", 1}, {"false", 0},
                               {"on", 1},  {"off", 0}, {"1", 1},    {"0", 0}};
  return choice_in(given, kWords) == 1;
}

TokenCount token_count_in(const Given& given) {
  refuse_list(given);
  const auto count = parse_token_count(given.value);
  if (!count)
    refuse(given, "a number, uniform:LEAST:MOST, normal:MEAN:DEVIATION or lognormal:MEDIAN:SIGMA, of 1 to 2^28 tokens",
           "uniform:64:256");
  return *count;
}

std::string text_in(const Given& given) {
  if (given.value.empty()) refuse(given, "a text", "VALUE");
  return given.value;
}

void not_in_this_version(const Given& given) {
  fail(Exit::bad_input, "{} is not in this version (it is planned) leave it out", given.where);
}

}  // namespace scalebench
