// How the text of an option becomes a value: range-checked, with a message that names option, text and range.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "spec/serving.hpp"

namespace scalebench {

// An option as it was given, by whichever source.
struct Given {
  std::string name{};   // "min-iterations", "minbytes"
  std::string value{};  // "yes" for a flag on the command line
  std::string where{};  // as the user knows it: "--min-iterations", "SCALEBENCH_SEED", "run.conf:3: seed"
};

// The values that a message offers, and whether this version has them.
struct Choice {
  std::string_view name;
  std::optional<int> value;  // nothing: known, but not in this version
};

// All throw Error(bad_input).
std::int64_t whole_in(const Given& given, std::int64_t least, std::int64_t most);
double real_in(const Given& given, double low, double high, std::string_view example);  // low <= value < high
double share_in(const Given& given, std::string_view example);                          // 0 < value <= 1
double duration_in(const Given& given, double low, double high);                        // s; low < value <= high
std::int64_t bytes_in(const Given& given, std::int64_t least, std::int64_t most);
int choice_in(const Given& given, std::span<const Choice> choices);
bool yes_no(const Given& given);
TokenCount token_count_in(const Given& given);
std::string text_in(const Given& given);  // not empty

// "--name is 'text' (it must be WANTED) write for example --name EXAMPLE".
[[noreturn]] void refuse(const Given& given, const std::string& wanted, const std::string& example);
[[noreturn]] void not_in_this_version(const Given& given);

}  // namespace scalebench
