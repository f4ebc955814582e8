#include <algorithm>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "app/options/table.hpp"
#include "base/check.hpp"
#include "base/text.hpp"

namespace scalebench {

const OptionRow* find_option(std::string_view name) {
  for (const OptionGroup& group : option_groups())
    for (const OptionRow& row : group.rows)
      if (row.name == name) return &row;
  return nullptr;
}

bool is_option(std::string_view name) {
  return find_option(name) || std::any_of(absent_options().begin(), absent_options().end(),
                                          [&](const AbsentOption& option) { return option.name == name; });
}

namespace {

std::vector<std::string> option_names() {
  std::vector<std::string> names = {"help", "help-all", "version"};
  for (const OptionGroup& group : option_groups())
    for (const OptionRow& row : group.rows) names.emplace_back(row.name);
  for (const AbsentOption& option : absent_options()) names.emplace_back(option.name);
  return names;
}

}  // namespace

std::string option_name(std::string_view name) {
  std::string result(name);
  std::replace(result.begin(), result.end(), '_', '-');
  return result;
}

void unknown_option(std::string_view name, std::string_view where, std::string (*spelled)(std::string_view)) {
  std::vector<std::string> near;
  for (const std::string& candidate : nearest(name, option_names())) near.push_back(spelled(candidate));
  fail(Exit::bad_input, "unknown option {} (names are written out; --help-all shows them) did you mean {}?",
       printable(where), fmt::join(near, " or "));
}

void apply(Options& options, const Given& given) {
  const OptionRow* row = find_option(given.name);
  if (!row) not_in_this_version(given);
  row->set(options, given);
}

}  // namespace scalebench
