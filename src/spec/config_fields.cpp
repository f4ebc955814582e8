#include "spec/config_fields.hpp"

#include <algorithm>
#include <limits>

#include <fmt/format.h>

#include "base/check.hpp"
#include "base/text.hpp"

namespace scalebench {

namespace {

std::optional<double> number_in(const ConfigValue& value) {
  if (const auto* whole = std::get_if<std::int64_t>(&value)) return static_cast<double>(*whole);
  if (const auto* real = std::get_if<double>(&value)) return *real;
  return std::nullopt;
}

bool same(const ConfigValue& a, const ConfigValue& b) {
  const auto x = number_in(a), y = number_in(b);
  return x && y ? *x == *y : a == b;
}

bool is_null(const ConfigValue& value) { return std::holds_alternative<std::monostate>(value); }

}  // namespace

ConfigFields::ConfigFields(std::string_view json, std::string_view where)
    : where_(where), fields_(parse_config(json, where)) {}

const ConfigField* ConfigFields::find(std::string_view name) const {
  const auto found = std::find_if(fields_.begin(), fields_.end(), [&](const ConfigField& f) { return f.name == name; });
  return found == fields_.end() ? nullptr : &*found;
}

bool ConfigFields::has_members(std::string_view name) const {
  const std::string prefix = fmt::format("{}.", name);
  return std::any_of(fields_.begin(), fields_.end(), [&](const ConfigField& f) { return f.name.starts_with(prefix); });
}

bool ConfigFields::flag(std::string_view name, bool otherwise) const {
  const ConfigField* field = find(name);
  if (!field || is_null(field->value)) return otherwise;
  if (const auto* value = std::get_if<bool>(&field->value)) return *value;
  fail(Exit::bad_input, "{}{} is {} (it must be true or false) correct it", place(name), name, to_string(field->value));
}

std::optional<std::string> ConfigFields::text(std::string_view name) const {
  const ConfigField* field = find(name);
  if (!field || is_null(field->value)) return std::nullopt;
  if (const auto* value = std::get_if<std::string>(&field->value)) return *value;
  fail(Exit::bad_input, "{}{} is {} (it must be a text) correct it", place(name), name, to_string(field->value));
}

void ConfigFields::agree(std::string_view name, std::string_view other) const {
  if (!has(name) || !has(other)) return;
  const ConfigValue &here = find(name)->value, &there = find(other)->value;
  if (!same(here, there))
    fail(Exit::bad_input, "{}{} is {}, but {} is {} (which one holds is not clear) take one out", place(name), name,
         to_string(here), other, to_string(there));
}

bool ConfigFields::has(std::string_view name) const {
  const ConfigField* field = find(name);
  return field && !is_null(field->value);
}

bool ConfigFields::named(std::string_view name) const { return find(name) != nullptr; }

std::string ConfigFields::place(std::string_view name) const {
  const ConfigField* field = find(name);
  return field ? fmt::format("{}:{}: ", where_, field->line) : where_ + ": ";
}

std::int64_t ConfigFields::whole(std::string_view name, std::int64_t most,
                                 std::optional<std::int64_t> otherwise) const {
  const ConfigField* field = find(name);
  if (!field || is_null(field->value)) {
    if (otherwise) return *otherwise;
    fail(Exit::bad_input, "{}{} is missing (the model's size follows from it) add it", place(name), name);
  }
  const auto* value = std::get_if<std::int64_t>(&field->value);
  if (!value || *value < 1 || *value > most)
    fail(Exit::bad_input, "{}{} is {} (it must be a whole number from 1 to {}) correct it", place(name), name,
         to_string(field->value), most);
  return *value;
}

std::optional<double> ConfigFields::real(std::string_view name, double low, double high) const {
  const ConfigField* field = find(name);
  if (!field || is_null(field->value)) return std::nullopt;
  const auto value = number_in(field->value);
  if (!value || !(*value > low && *value < high))
    fail(Exit::bad_input, "{}{} is {} (it must be a number above {} and below {}) correct it", place(name), name,
         to_string(field->value), low, high);
  return value;
}

void ConfigFields::only(std::string_view name, const ConfigValue& wanted) const {
  for (const ConfigField& field : fields_) {
    const bool member = field.name.starts_with(fmt::format("{}.", name));
    if (!member && (field.name != name || is_null(field.value) || same(field.value, wanted))) continue;
    fail(Exit::bad_input,
         "{}:{}: {} is {} (it changes the mathematics; not in this version, which knows {} only) "
         "choose a model without it",
         where_, field.line, field.name, to_string(field.value), to_string(wanted));
  }
}

void ConfigFields::each(std::string_view name, const ConfigValue& wanted) const {
  for (const ConfigField& field : fields_) {
    const bool member = field.name.starts_with(fmt::format("{}.", name)) && same(field.value, wanted);
    if (member || (field.name == name && is_null(field.value)) ||
        (field.name != name && !field.name.starts_with(fmt::format("{}.", name))))
      continue;
    fail(Exit::bad_input,
         "{}:{}: {} is {} (it changes the mathematics; not in this version, which knows {} only) "
         "choose a model without it",
         where_, field.line, printable(field.name), to_string(field.value), to_string(wanted));
  }
}

std::vector<std::int32_t> ConfigFields::ids(std::string_view name) const {
  std::vector<std::int32_t> ids;
  for (const ConfigField& field : fields_) {
    if ((field.name != name && !field.name.starts_with(fmt::format("{}.", name))) || is_null(field.value) ||
        std::holds_alternative<EmptyContainer>(field.value))
      continue;
    const auto* id = std::get_if<std::int64_t>(&field.value);
    if (id == nullptr || *id < 0 || *id > std::numeric_limits<std::int32_t>::max())
      fail(Exit::bad_input, "{}:{}: {} is {} (it is the id of a token, or several) correct it, or leave it out", where_,
           field.line, printable(field.name), to_string(field.value));
    ids.push_back(static_cast<std::int32_t>(*id));
  }
  return ids;
}

void ConfigFields::object(std::string_view name) const {
  const ConfigField* field = find(name);
  if (field && !is_null(field->value) && !std::holds_alternative<EmptyContainer>(field->value))
    fail(Exit::bad_input, "{}{} is {} (it must be an object) correct it", place(name), name, to_string(field->value));
}

void ConfigFields::none_but(std::span<const std::string_view> names, std::span<const std::string_view> trees) const {
  const auto among = [](std::span<const std::string_view> all, std::string_view name) {
    return std::find(all.begin(), all.end(), name) != all.end();
  };
  for (const ConfigField& field : fields_) {
    const std::string_view root = std::string_view(field.name).substr(0, field.name.find('.'));
    if (among(names, field.name) || among(trees, root)) continue;
    fail(Exit::bad_input, "{}:{}: the field {} is not known (it may change the mathematics) take it out if it does not",
         where_, field.line, printable(field.name));
  }
}

}  // namespace scalebench
