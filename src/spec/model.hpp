// What is trained: the dimensions of a decoder-only transformer, what its family adds to Llama, its parameter count and
// its FLOPs.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace scalebench {

// How rotary frequencies are stretched beyond the sequences of pretraining.
enum class RopeType : std::uint8_t { plain, linear, llama3 };
constexpr std::string_view name_of(RopeType type) {  // Hugging Face's
  constexpr std::string_view names[] = {"default", "linear", "llama3"};
  return names[static_cast<std::size_t>(type)];
}

struct RopeScaling {                             // [rope_parameters, rope_scaling]
  RopeType type = RopeType::plain;               // [rope_type]
  double factor = 1;                             // [factor]
  double low_frequency = 1, high_frequency = 1;  // llama3 alone [low_freq_factor, high_freq_factor]
  std::int64_t original_sequence{};              // llama3 alone [original_max_position_embeddings]
  bool operator==(const RopeScaling&) const = default;
};

enum class Family : std::uint8_t { llama, qwen2, qwen3, mistral, gpt2 };
constexpr std::string_view name_of(Family family) {  // Hugging Face's model_type
  constexpr std::string_view names[] = {"llama", "qwen2", "qwen3", "mistral", "gpt2"};
  return names[static_cast<std::size_t>(family)];
}

// Field names follow the shape letters of kernels/ops.hpp; in brackets Hugging Face's name in config.json.
struct ModelSpec {
  std::string name{};
  Family family = Family::llama;  // [model_type]
  std::int64_t layers{};          // L [num_hidden_layers]
  std::int64_t hidden{};          // H [hidden_size]
  std::int64_t feed_forward{};    // F [intermediate_size]
  std::int64_t heads{};           // A [num_attention_heads]
  std::int64_t kv_heads{};        // K [num_key_value_heads]
  std::int64_t head_dim{};        // D [head_dim], else H / A
  std::int64_t vocabulary{};      // V [vocab_size]
  std::int64_t max_sequence{};    // [max_position_embeddings]
  double rope_theta{};            // [rope_theta]
  RopeScaling rope_scaling{};
  double norm_epsilon{};        // [rms_norm_eps]
  bool tied_embeddings{};       // [tie_word_embeddings]
  bool query_key_value_bias{};  // qwen2, gpt2
  bool query_key_norm{};        // qwen3: RMSNorm of each head of q and k over D, before they are turned
  std::int64_t window{};        // mistral [sliding_window]: keys that a query sees, itself included; 0: all before it
  // gpt2: LayerNorm with bias, learned positions [max_sequence, H] in place of rotary ones, a feed-forward of two
  // matrices with GELU between them, a bias beside every matrix of a layer.
  bool layer_norm{};
  std::vector<std::int32_t> end_tokens{};  // that end an answer [eos_token_id]
  bool operator==(const ModelSpec&) const = default;
};

// Parameters, embedding and head included: 70,553,706,496 for Llama-3-70B.
std::int64_t parameter_count(const ModelSpec& model);
std::int64_t layer_parameter_count(const ModelSpec& model);  // of one transformer layer

// Model FLOPs of one token of training, in the three conventions of the field.
struct FlopsPerToken {
  double megatron;    // every GEMM, logits included, x 3; causal attention: 6 T A D per layer, less beyond a window
  double non_causal;  // 12 T A D per layer, windows or not: what torchtitan prints
  double six_n;       // 6 x all parameters
};
FlopsPerToken training_flops_per_token(const ModelSpec& model, std::int64_t sequence);
// Of those, of the layers' matrices and of the head's, once forward and twice backward: what `products` of a plan
// covers.
double training_linear_flops_per_token(const ModelSpec& model);
double training_head_flops_per_token(const ModelSpec& model);
// Keys that a query sees, on the mean: half the sequence by convention; of a window of w < T keys w for all queries but
// the first, which see 1, 2, ... w.
double keys_per_query(std::int64_t sequence, std::int64_t window);
// Forward of one transformer layer, causal attention: what recomputation adds.
double layer_forward_flops_per_token(const ModelSpec& model, std::int64_t sequence);

// Angle per position of the D / 2 pairs of a head, scaling included.
std::vector<double> rope_frequencies(const ModelSpec& model);

// Depth cut to `layers` (said like a shrink in every output).
ModelSpec with_layers(ModelSpec model, std::int64_t layers);

}  // namespace scalebench
