// What is trained: the dimensions of a decoder-only transformer (Llama), its parameter count and its FLOPs.
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

// Field names follow the shape letters of kernels/ops.hpp; in brackets Hugging Face's name in config.json.
struct ModelSpec {
  std::string name{};
  std::int64_t layers{};        // L [num_hidden_layers]
  std::int64_t hidden{};        // H [hidden_size]
  std::int64_t feed_forward{};  // F [intermediate_size]
  std::int64_t heads{};         // A [num_attention_heads]
  std::int64_t kv_heads{};      // K [num_key_value_heads]
  std::int64_t head_dim{};      // D [head_dim], else H / A
  std::int64_t vocabulary{};    // V [vocab_size]
  std::int64_t max_sequence{};  // [max_position_embeddings]
  double rope_theta{};          // [rope_theta]
  RopeScaling rope_scaling{};
  double norm_epsilon{};   // [rms_norm_eps]
  bool tied_embeddings{};  // [tie_word_embeddings]
  bool operator==(const ModelSpec&) const = default;
};

// Parameters, embedding and head included: 70,553,706,496 for Llama-3-70B.
std::int64_t parameter_count(const ModelSpec& model);
std::int64_t layer_parameter_count(const ModelSpec& model);  // of one transformer layer

// Model FLOPs of one token of training, in the three conventions of the field.
struct FlopsPerToken {
  double megatron;    // every GEMM, logits included, x 3; causal attention: 6 T A D per layer
  double non_causal;  // 12 T A D per layer: what torchtitan prints
  double six_n;       // 6 x all parameters
};
FlopsPerToken training_flops_per_token(const ModelSpec& model, std::int64_t sequence);
// Forward of one transformer layer, causal attention: what recomputation adds.
double layer_forward_flops_per_token(const ModelSpec& model, std::int64_t sequence);

// Angle per position of the D / 2 pairs of a head, scaling included.
std::vector<double> rope_frequencies(const ModelSpec& model);

// Depth cut to `layers` (said like a shrink in every output).
ModelSpec with_layers(ModelSpec model, std::int64_t layers);

}  // namespace scalebench
