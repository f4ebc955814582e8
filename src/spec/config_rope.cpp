#include "spec/config_rope.hpp"

#include <algorithm>
#include <array>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "base/check.hpp"
#include "base/text.hpp"

namespace scalebench {

namespace {

using namespace std::string_view_literals;

constexpr std::array kNames = {
    "rope_theta"sv,
    "rope_scaling"sv,
    "rope_scaling.rope_type"sv,
    "rope_scaling.type"sv,
    "rope_scaling.factor"sv,
    "rope_scaling.low_freq_factor"sv,
    "rope_scaling.high_freq_factor"sv,
    "rope_scaling.original_max_position_embeddings"sv,
    "rope_parameters"sv,
    "rope_parameters.rope_theta"sv,
    "rope_parameters.partial_rotary_factor"sv,
    "rope_parameters.rope_type"sv,
    "rope_parameters.type"sv,
    "rope_parameters.factor"sv,
    "rope_parameters.low_freq_factor"sv,
    "rope_parameters.high_freq_factor"sv,
    "rope_parameters.original_max_position_embeddings"sv,
};

// What a type of scaling is made of; what belongs to another type is refused.
constexpr std::array kMembers = {"factor"sv, "low_freq_factor"sv, "high_freq_factor"sv,
                                 "original_max_position_embeddings"sv};
constexpr std::size_t members_of(RopeType type) {
  return type == RopeType::llama3 ? 4 : type == RopeType::linear ? 1 : 0;
}

constexpr double kMostTheta = 1e15, kMostFactor = 1e6;
constexpr std::int64_t kMostTokens = 1 << 30;

double read_theta(const ConfigFields& config) {
  config.agree("rope_theta", "rope_parameters.rope_theta");
  const auto older = config.real("rope_theta", 1, kMostTheta);
  const auto newer = config.real("rope_parameters.rope_theta", 1, kMostTheta);
  return older ? *older : newer.value_or(10000.0);
}

// The object that holds the scaling. Where both are there, each must say what the other does.
std::string_view scaling_object(const ConfigFields& config) {
  const auto older = "rope_scaling"sv, newer = "rope_parameters"sv;
  config.object(older), config.object(newer);
  if (!config.has_members(older)) return newer;
  if (!config.has_members(newer)) return older;
  for (const std::string_view member : {"rope_type"sv, "type"sv, kMembers[0], kMembers[1], kMembers[2], kMembers[3]}) {
    const std::string a = fmt::format("{}.{}", older, member), b = fmt::format("{}.{}", newer, member);
    config.agree(a, b);
    if (config.has(a) == config.has(b)) continue;
    const auto& [there, not_there] = config.has(a) ? std::pair(a, newer) : std::pair(b, older);
    fail(Exit::bad_input, "{}{} is there, but {} has none (which one holds is not clear) take one of them out",
         config.place(there), there, not_there);
  }
  return newer;
}

RopeType read_type(const ConfigFields& config, std::string_view object) {
  const std::string name = fmt::format("{}.rope_type", object), legacy = fmt::format("{}.type", object);
  config.agree(name, legacy);
  const bool known_by_legacy = !config.has(name) && config.has(legacy);
  const auto type = config.text(known_by_legacy ? legacy : name);
  if (!type) return RopeType::plain;
  for (const RopeType known : {RopeType::plain, RopeType::linear, RopeType::llama3})
    if (*type == name_of(known)) return known;
  const std::string& place = known_by_legacy ? legacy : name;
  fail(Exit::bad_input,
       "{}{} is \"{}\" (it changes the mathematics; not in this version, which knows default, linear and llama3) "
       "choose a model without it",
       config.place(place), place, printable(*type, 40));
}

// Exactly the members that the type is made of must be there.
void check_members(const ConfigFields& config, std::string_view object, RopeType type) {
  for (std::size_t i = 0; i < kMembers.size(); ++i) {
    const std::string name = fmt::format("{}.{}", object, kMembers[i]);
    const bool needed = i < members_of(type);
    if (config.has(name) == needed) continue;
    if (needed)
      fail(Exit::bad_input, "{}{} is missing (the frequencies of type {} follow from it) add it", config.place(object),
           name, name_of(type));
    fail(Exit::bad_input, "{}{} has no meaning for the rope_type {} (so what is meant is not clear) correct rope_type",
         config.place(name), name, name_of(type));
  }
}

void read_llama3(const ConfigFields& config, const std::string& object, RopeScaling& scaling) {
  const std::string low = object + ".low_freq_factor", high = object + ".high_freq_factor";
  scaling.low_frequency = *config.real(low, 0, kMostFactor);
  scaling.high_frequency = *config.real(high, 0, kMostFactor);
  scaling.original_sequence = config.whole(object + ".original_max_position_embeddings", kMostTokens);
  if (scaling.low_frequency >= scaling.high_frequency)
    fail(Exit::bad_input, "{}{} is {} and {} is {} (between them frequencies are interpolated) make the second larger",
         config.place(low), low, scaling.low_frequency, high, scaling.high_frequency);
}

}  // namespace

std::span<const std::string_view> rope_field_names() { return kNames; }

void read_rope(const ConfigFields& config, ModelSpec& model) {
  config.only("rope_parameters.partial_rotary_factor", std::int64_t{1});
  model.rope_theta = read_theta(config);
  const std::string object(scaling_object(config));
  RopeScaling& scaling = model.rope_scaling;
  scaling.type = read_type(config, object);
  check_members(config, object, scaling.type);
  if (scaling.type != RopeType::plain) scaling.factor = *config.real(object + ".factor", 0, kMostFactor);
  if (scaling.type == RopeType::llama3) read_llama3(config, object, scaling);
}

}  // namespace scalebench
