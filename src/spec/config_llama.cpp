// Hugging Face's config.json of model_type llama, in both spellings (transformers 4 and 5).
#include <array>

#include <fmt/format.h>

#include "base/check.hpp"
#include "spec/catalogue.hpp"
#include "spec/config_fields.hpp"
#include "spec/config_rope.hpp"

namespace scalebench {

namespace {

using namespace std::string_view_literals;

// Fields that change the mathematics, with the one value that is computed here.
const std::array<std::pair<std::string_view, ConfigValue>, 15> kFixed = {{
    {"model_type", "llama"},
    {"architectures.0", "LlamaForCausalLM"},
    {"hidden_act", "silu"},
    {"attention_bias", false},
    {"mlp_bias", false},
    {"attention_dropout", std::int64_t{0}},
    {"pretraining_tp", std::int64_t{1}},
    {"partial_rotary_factor", std::int64_t{1}},
    {"sliding_window", {}},
    {"use_sliding_window", false},
    {"layer_types", {}},
    {"quantization_config", {}},
    {"is_encoder_decoder", false},
    {"add_cross_attention", false},
    {"chunk_size_feed_forward", std::int64_t{0}},
}};

constexpr std::array kRead = {
    "num_hidden_layers"sv,   "hidden_size"sv,
    "intermediate_size"sv,   "num_attention_heads"sv,
    "num_key_value_heads"sv, "head_dim"sv,
    "vocab_size"sv,          "max_position_embeddings"sv,
    "rms_norm_eps"sv,        "tie_word_embeddings"sv,
};

// They say how the weights are stored, loaded or served. The precision of a run is the plan's.
constexpr std::array kHarmless = {
    "_name_or_path"sv,
    "bos_token_id"sv,
    "eos_token_id"sv,
    "pad_token_id"sv,
    "unk_token_id"sv,
    "torch_dtype"sv,
    "dtype"sv,
    "transformers_version"sv,
    "use_cache"sv,
    "initializer_range"sv,
    "return_dict"sv,
    "output_attentions"sv,
    "output_hidden_states"sv,
    "torchscript"sv,
};

// Nothing real comes near; beyond, sums of products would leave 64 bits.
constexpr std::int64_t kMostLayers = 100'000, kMostWidth = 1 << 24, kMostHeads = 1 << 16, kMostTokens = 1 << 30;
constexpr double kMostParameters = 1e16;

void check_fields(const ConfigFields& config) {
  std::vector<std::string_view> known(kRead.begin(), kRead.end());
  const auto rope = rope_field_names();
  known.insert(known.end(), rope.begin(), rope.end());
  for (const auto& [name, wanted] : kFixed) {
    config.only(name, wanted);
    known.push_back(name);
  }
  config.none_but(known, kHarmless);
  config.agree("dtype", "torch_dtype");
}

std::int64_t head_size(const ConfigFields& config, const ModelSpec& m) {
  const std::int64_t given = config.whole("head_dim", kMostHeads, 0);
  if (given == 0 && m.hidden % m.heads != 0)
    fail(Exit::bad_input,
         "{}hidden_size {} is no multiple of {} num_attention_heads (a head's size is their ratio) correct "
         "them, or add head_dim",
         config.place("hidden_size"), m.hidden, m.heads);
  const std::int64_t size = given == 0 ? m.hidden / m.heads : given;
  if (size % 2 != 0)
    fail(Exit::bad_input, "{}the size of a head is {} (rotary embedding turns pairs) make it even",
         config.place(given == 0 ? "hidden_size" : "head_dim"), size);
  return size;
}

void check_sizes(const ConfigFields& config, const ModelSpec& m) {
  if (m.heads % m.kv_heads != 0)
    fail(Exit::bad_input,
         "{}num_attention_heads {} is no multiple of num_key_value_heads {} (heads share keys) correct them",
         config.place("num_attention_heads"), m.heads, m.kv_heads);
  const auto width = static_cast<double>(m.hidden);
  const double layer = width * (2.0 * static_cast<double>((m.heads + m.kv_heads) * m.head_dim) +
                                3.0 * static_cast<double>(m.feed_forward));
  const double parameters = static_cast<double>(m.layers) * layer + 2.0 * width * static_cast<double>(m.vocabulary);
  if (parameters > kMostParameters)
    fail(Exit::bad_input, "{}the model has {:.2g} parameters (more than {:.0g} overflow) correct its sizes",
         config.place("hidden_size"), parameters, kMostParameters);
}

}  // namespace

ModelSpec parse_hugging_face_config(std::string_view json, std::string_view where, std::string name) {
  const ConfigFields config(json, where);
  if (!config.has("model_type"))
    fail(Exit::bad_input, "{}: model_type is missing (it names the mathematics) add \"model_type\": \"llama\"", where);
  check_fields(config);
  ModelSpec m{.name = std::move(name)};
  m.layers = config.whole("num_hidden_layers", kMostLayers);
  m.hidden = config.whole("hidden_size", kMostWidth);
  m.feed_forward = config.whole("intermediate_size", kMostWidth);
  m.heads = config.whole("num_attention_heads", kMostHeads);
  m.kv_heads = config.whole("num_key_value_heads", kMostHeads, m.heads);
  m.vocabulary = config.whole("vocab_size", kMostTokens);
  m.max_sequence = config.whole("max_position_embeddings", kMostTokens, 2048);
  m.tied_embeddings = config.flag("tie_word_embeddings", false);
  m.norm_epsilon = config.real("rms_norm_eps", 0, 1).value_or(1e-6);
  m.head_dim = head_size(config, m);
  check_sizes(config, m);
  read_rope(config, m);
  return m;
}

}  // namespace scalebench
