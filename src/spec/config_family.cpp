#include "spec/config_family.hpp"

#include <array>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "base/check.hpp"
#include "base/text.hpp"
#include "spec/catalogue.hpp"
#include "spec/config_rope.hpp"

namespace scalebench {

namespace {

using namespace std::string_view_literals;

constexpr std::array kRotaryFields = {
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

constexpr double kMostParameters = 1e16;

std::int64_t head_size(const ConfigFields& config, const ModelSpec& m, bool needed) {
  const std::int64_t given = needed ? config.whole("head_dim", kMostHeads) : config.whole("head_dim", kMostHeads, 0);
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

}  // namespace

std::span<const std::string_view> rotary_fields() {
  static const std::vector<std::string_view> fields = [] {
    std::vector<std::string_view> names(kRotaryFields.begin(), kRotaryFields.end());
    names.insert(names.end(), rope_field_names().begin(), rope_field_names().end());
    return names;
  }();
  return fields;
}

void check_fields(const ConfigFields& config, const FamilyFields& family) {
  std::vector<std::string_view> known(family.read.begin(), family.read.end());
  known.emplace_back("model_type");
  for (const auto& [name, wanted] : family.fixed) {
    config.only(name, wanted);
    known.push_back(name);
  }
  std::vector<std::string_view> harmless(kHarmless.begin(), kHarmless.end());
  harmless.insert(harmless.end(), family.ignored.begin(), family.ignored.end());
  config.none_but(known, harmless);
  config.agree("dtype", "torch_dtype");
}

void check_sizes(const ConfigFields& config, const ModelSpec& m) {
  if (m.heads % m.kv_heads != 0)
    fail(Exit::bad_input,
         "{}num_attention_heads {} is no multiple of num_key_value_heads {} (heads share keys) correct them",
         config.place("num_attention_heads"), m.heads, m.kv_heads);
  const auto width = static_cast<double>(m.hidden);
  const double layer = width * (2.0 * static_cast<double>((m.heads + m.kv_heads) * m.head_dim) +
                                3.0 * static_cast<double>(m.feed_forward));
  const double tables = width * (2.0 * static_cast<double>(m.vocabulary) + static_cast<double>(m.max_sequence));
  const double parameters = static_cast<double>(m.layers) * layer + tables;
  if (parameters > kMostParameters)
    fail(Exit::bad_input, "{}the model has {:.2g} parameters (more than {:.0g} overflow) correct its sizes",
         config.place(config.has("n_embd") ? "n_embd" : "hidden_size"), parameters, kMostParameters);
}

ModelSpec read_rotary(const ConfigFields& config, std::string name, const RotaryDefaults& defaults) {
  ModelSpec m{.name = std::move(name)};
  m.layers = config.whole("num_hidden_layers", kMostLayers);
  m.hidden = config.whole("hidden_size", kMostWidth);
  m.feed_forward = config.whole("intermediate_size", kMostWidth);
  m.heads = config.whole("num_attention_heads", kMostHeads);
  m.kv_heads = defaults.kv_heads_needed ? config.whole("num_key_value_heads", kMostHeads)
                                        : config.whole("num_key_value_heads", kMostHeads, m.heads);
  m.vocabulary = config.whole("vocab_size", kMostTokens);
  m.max_sequence = config.whole("max_position_embeddings", kMostTokens, defaults.max_sequence);
  m.tied_embeddings = config.flag("tie_word_embeddings", false);
  m.norm_epsilon = config.real("rms_norm_eps", 0, 1).value_or(1e-6);
  m.head_dim = head_size(config, m, defaults.head_dim_needed);
  check_sizes(config, m);
  read_rope(config, m);
  return m;
}

ModelSpec parse_hugging_face_config(std::string_view json, std::string_view where, std::string name) {
  using Reader = ModelSpec (*)(const ConfigFields&, std::string);
  constexpr std::pair<Family, Reader> readers[] = {{Family::llama, read_llama},
                                                   {Family::qwen2, read_qwen2},
                                                   {Family::qwen3, read_qwen3},
                                                   {Family::mistral, read_mistral},
                                                   {Family::gpt2, read_gpt2}};
  const ConfigFields config(json, where);
  if (!config.has("model_type"))
    fail(Exit::bad_input, "{}: model_type is missing (it names the mathematics) add \"model_type\": \"llama\"", where);
  const std::string type = *config.text("model_type");
  std::vector<std::string_view> known;
  for (const auto& [family, read] : readers) {
    known.push_back(name_of(family));
    if (type != name_of(family)) continue;
    ModelSpec m = read(config, std::move(name));
    m.family = family;
    m.end_tokens = config.ids("eos_token_id");
    return m;
  }
  fail(Exit::bad_input,
       "{}model_type is \"{}\" (it changes the mathematics; not in this version, which knows {}) choose a model of "
       "these",
       config.place("model_type"), printable(type, 40), fmt::join(known, ", "));
}

}  // namespace scalebench
