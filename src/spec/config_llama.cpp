// Hugging Face's config.json of model_type llama, in both spellings (transformers 4 and 5).
#include <array>

#include "spec/config_family.hpp"

namespace scalebench {

namespace {

const std::array<std::pair<std::string_view, ConfigValue>, 14> kFixed = {{
    {"architectures.0", "LlamaForCausalLM"},
    {"hidden_act", "silu"},
    {"attention_bias", false},
    {"mlp_bias", false},
    {"pretraining_tp", std::int64_t{1}},
    {"partial_rotary_factor", std::int64_t{1}},
    {"sliding_window", {}},
    {"use_sliding_window", false},
    {"layer_types", {}},
    {"attention_dropout", std::int64_t{0}},
    {"quantization_config", {}},
    {"is_encoder_decoder", false},
    {"add_cross_attention", false},
    {"chunk_size_feed_forward", std::int64_t{0}},
}};

}  // namespace

ModelSpec read_llama(const ConfigFields& config, std::string name) {
  check_fields(config, {.fixed = kFixed, .read = rotary_fields()});
  return read_rotary(config, std::move(name), {.max_sequence = 2048});
}

}  // namespace scalebench
