// What the readers of the families share: which fields a config.json may have, and the sizes of a layer.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <utility>

#include "spec/config_fields.hpp"
#include "spec/model.hpp"

namespace scalebench {

// Nothing real comes near; beyond, sums of products would leave 64 bits.
inline constexpr std::int64_t kMostLayers = 100'000, kMostWidth = 1 << 24, kMostHeads = 1 << 16, kMostTokens = 1 << 30;

struct FamilyFields {
  // Fields that change the mathematics, with the one value that is computed here.
  std::span<const std::pair<std::string_view, ConfigValue>> fixed;
  std::span<const std::string_view> read;
  std::span<const std::string_view> ignored{};  // with their members: they change nothing here
};

// Every other field is an error, but for those that say how weights are stored, loaded or served.
void check_fields(const ConfigFields& config, const FamilyFields& family);
// query and key-value heads, and counts that 64 bits hold.
void check_sizes(const ConfigFields& config, const ModelSpec& model);
// The families with rotary embeddings spell their fields alike. Hugging Face's defaults of what is left out differ:
// where one is another family's, the field is needed.
std::span<const std::string_view> rotary_fields();
struct RotaryDefaults {
  std::int64_t max_sequence{};
  bool kv_heads_needed = false, head_dim_needed = false;
};
ModelSpec read_rotary(const ConfigFields& config, std::string name, const RotaryDefaults& defaults);

ModelSpec read_llama(const ConfigFields& config, std::string name);
ModelSpec read_qwen2(const ConfigFields& config, std::string name);
ModelSpec read_qwen3(const ConfigFields& config, std::string name);
ModelSpec read_mistral(const ConfigFields& config, std::string name);
ModelSpec read_gpt2(const ConfigFields& config, std::string name);

}  // namespace scalebench
