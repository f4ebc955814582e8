// The rotary embedding in a config.json: rope_theta and rope_scaling (transformers 4), or rope_parameters (5).
#pragma once

#include <span>
#include <string_view>

#include "spec/config_fields.hpp"
#include "spec/model.hpp"

namespace scalebench {

std::span<const std::string_view> rope_field_names();

// Sets the model's rope_theta and rope_scaling. Throws Error(bad_input) where the two spellings contradict each other.
void read_rope(const ConfigFields& config, ModelSpec& model);

}  // namespace scalebench
