// Hugging Face's config.json of model_type mistral: Llama with a window, as v0.1 has it; v0.3 has none.
#include <array>

#include "spec/config_family.hpp"

namespace scalebench {

namespace {

const std::array<std::pair<std::string_view, ConfigValue>, 8> kFixed = {{
    {"architectures.0", "MistralForCausalLM"},
    {"hidden_act", "silu"},
    {"layer_types", {}},
    {"attention_dropout", std::int64_t{0}},
    {"quantization_config", {}},
    {"is_encoder_decoder", false},
    {"add_cross_attention", false},
    {"chunk_size_feed_forward", std::int64_t{0}},
}};

}  // namespace

ModelSpec read_mistral(const ConfigFields& config, std::string name) {
  std::vector<std::string_view> read(rotary_fields().begin(), rotary_fields().end());
  read.push_back("sliding_window");
  check_fields(config, {.fixed = kFixed, .read = read});
  ModelSpec m = read_rotary(config, std::move(name), {.max_sequence = 4096 * 32, .kv_heads_needed = true});
  // Hugging Face's default of a window that is left out is that of v0.1; null is none.
  if (config.has("sliding_window") || !config.named("sliding_window"))
    m.window = config.whole("sliding_window", kMostTokens, 4096);
  return m;
}

}  // namespace scalebench
