// Typed access to the fields of a config.json; what is not as it must be throws Error(bad_input) with file and line.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "spec/config_json.hpp"

namespace scalebench {

class ConfigFields {
 public:
  ConfigFields(std::string_view json, std::string_view where);

  // From 1 to `most`. Without `otherwise` the field must be there; null counts as absent where there is one.
  std::int64_t whole(std::string_view name, std::int64_t most, std::optional<std::int64_t> otherwise = {}) const;
  // Above `low`, below `high`.
  std::optional<double> real(std::string_view name, double low, double high) const;
  bool flag(std::string_view name, bool otherwise) const;
  std::optional<std::string> text(std::string_view name) const;
  // A whole number from 0 on, or an array of such; none where it is null or not there.
  std::vector<std::int32_t> ids(std::string_view name) const;
  bool has(std::string_view name) const;          // and it is not null
  bool named(std::string_view name) const;        // be it null
  bool has_members(std::string_view name) const;  // it is an object that is not empty
  // Where it is there at all, it must be this (0 is 0.0), or null.
  void only(std::string_view name, const ConfigValue& wanted) const;
  // Where it is there at all, it must be an array whose members are all this, or null.
  void each(std::string_view name, const ConfigValue& wanted) const;
  // Two spellings of one thing: where both are there, they must say the same.
  void agree(std::string_view name, std::string_view other) const;
  // Where it is there at all, it must be an object, or null.
  void object(std::string_view name) const;
  // Every field must be of these, or a member of one of the `trees`.
  void none_but(std::span<const std::string_view> names, std::span<const std::string_view> trees) const;
  // "where:line: " of a field, or "where: ".
  std::string place(std::string_view name) const;

 private:
  const ConfigField* find(std::string_view name) const;

  std::string where_;
  std::vector<ConfigField> fields_;
};

}  // namespace scalebench
