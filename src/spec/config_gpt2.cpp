// Hugging Face's config.json of model_type gpt2, the shape of GPT-3 and of Megatron's GPT models.
#include <array>

#include "base/check.hpp"
#include "spec/config_family.hpp"

namespace scalebench {

namespace {

using namespace std::string_view_literals;

const std::array<std::pair<std::string_view, ConfigValue>, 10> kFixed = {{
    {"architectures.0", "GPT2LMHeadModel"},
    {"activation_function", "gelu_new"},
    {"scale_attn_weights", true},
    {"scale_attn_by_inverse_layer_idx", false},
    {"reorder_and_upcast_attn", false},
    {"n_special", std::int64_t{0}},
    {"quantization_config", {}},
    {"is_encoder_decoder", false},
    {"add_cross_attention", false},
    {"chunk_size_feed_forward", std::int64_t{0}},
}};

constexpr std::array kRead = {"n_layer"sv,
                              "n_embd"sv,
                              "n_inner"sv,
                              "n_head"sv,
                              "vocab_size"sv,
                              "n_positions"sv,
                              "n_ctx"sv,
                              "layer_norm_epsilon"sv,
                              "tie_word_embeddings"sv};

// Benchmarks run without dropout, whose published rates say how the model was once trained; a summary is another head.
constexpr std::array kIgnored = {"predict_special_tokens"sv,
                                 "resid_pdrop"sv,
                                 "embd_pdrop"sv,
                                 "attn_pdrop"sv,
                                 "summary_type"sv,
                                 "summary_use_proj"sv,
                                 "summary_activation"sv,
                                 "summary_first_dropout"sv,
                                 "summary_proj_to_labels"sv,
                                 "task_specific_params"sv,
                                 "gradient_checkpointing"sv};

}  // namespace

ModelSpec read_gpt2(const ConfigFields& config, std::string name) {
  check_fields(config, {.fixed = kFixed, .read = kRead, .ignored = kIgnored});
  config.agree("n_ctx", "n_positions");
  ModelSpec m{.name = std::move(name)};
  m.layers = config.whole("n_layer", kMostLayers);
  m.hidden = config.whole("n_embd", kMostWidth);
  m.feed_forward = config.whole("n_inner", kMostWidth, 4 * m.hidden);
  m.heads = m.kv_heads = config.whole("n_head", kMostHeads);
  m.vocabulary = config.whole("vocab_size", kMostTokens);
  m.max_sequence = config.whole("n_positions", kMostTokens);
  m.norm_epsilon = config.real("layer_norm_epsilon", 0, 1).value_or(1e-5);
  m.tied_embeddings = config.flag("tie_word_embeddings", true);
  m.query_key_value_bias = m.layer_norm = true;
  if (m.hidden % m.heads != 0)
    fail(Exit::bad_input, "{}n_embd {} is no multiple of {} n_head (a head's size is their ratio) correct them",
         config.place("n_embd"), m.hidden, m.heads);
  m.head_dim = m.hidden / m.heads;
  check_sizes(config, m);
  return m;
}

}  // namespace scalebench
