// Hugging Face's config.json of model_type qwen2: Llama with biases of query, key and value.
#include <array>

#include "spec/config_family.hpp"

namespace scalebench {

namespace {

using namespace std::string_view_literals;

const std::array<std::pair<std::string_view, ConfigValue>, 9> kFixed = {{
    {"architectures.0", "Qwen2ForCausalLM"},
    {"hidden_act", "silu"},
    {"use_sliding_window", false},
    {"use_mrope", false},
    {"attention_dropout", std::int64_t{0}},
    {"quantization_config", {}},
    {"is_encoder_decoder", false},
    {"add_cross_attention", false},
    {"chunk_size_feed_forward", std::int64_t{0}},
}};

// A window that is not used has no meaning, and layer_types are checked one by one.
constexpr std::array kIgnored = {"sliding_window"sv, "max_window_layers"sv, "layer_types"sv};

}  // namespace

ModelSpec read_qwen2(const ConfigFields& config, std::string name) {
  check_fields(config, {.fixed = kFixed, .read = rotary_fields(), .ignored = kIgnored});
  config.each("layer_types", "full_attention");
  ModelSpec m = read_rotary(config, std::move(name), {.max_sequence = 32768, .kv_heads_needed = true});
  m.query_key_value_bias = true;
  return m;
}

}  // namespace scalebench
