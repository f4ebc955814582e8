// A config.json as a flat list of fields with their lines; hostile text ends in an Error, never in a crash.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace scalebench {

struct EmptyContainer {  // {} or []
  bool operator==(const EmptyContainer&) const = default;
};

// Null is std::monostate. A whole number that 64 bits don't hold is a double.
using ConfigValue = std::variant<std::monostate, bool, std::int64_t, double, std::string, EmptyContainer>;

struct ConfigField {
  std::string name{};  // the members of objects and arrays have names of their own: "rope_parameters.rope_theta"
  int line{};
  ConfigValue value{};
};

std::string to_string(const ConfigValue& value);

// Throws Error(bad_input), with `where` and the line: no JSON, no object, a key twice, NaN, too deep, too many values.
std::vector<ConfigField> parse_config(std::string_view json, std::string_view where);

}  // namespace scalebench
