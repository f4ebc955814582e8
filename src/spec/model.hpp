// What is trained: the dimensions of a decoder-only transformer (Llama), its parameter count and its FLOPs.
#pragma once

#include <cstdint>
#include <string>

namespace scalebench {

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
  double norm_epsilon{};        // [rms_norm_eps]
  bool tied_embeddings{};       // [tie_word_embeddings]
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

// Depth cut to `layers` (said like a shrink in every output).
ModelSpec with_layers(ModelSpec model, std::int64_t layers);

}  // namespace scalebench
