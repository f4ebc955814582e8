#include "spec/model.hpp"

#include "base/check.hpp"

namespace scalebench {

namespace {

// Elements of the matrices of one layer: query, key, value, output; gate, up, down, or up and down.
std::int64_t layer_matrices(const ModelSpec& m) {
  return 2 * m.hidden * m.heads * m.head_dim + 2 * m.hidden * m.kv_heads * m.head_dim +
         (m.layer_norm ? 2 : 3) * m.hidden * m.feed_forward;
}

// Elements of a layer that no product counts: norms and biases.
std::int64_t layer_vectors(const ModelSpec& m) {
  const std::int64_t norms = (m.layer_norm ? 4 : 2) * m.hidden + (m.query_key_norm ? 2 * m.head_dim : 0);
  const std::int64_t qkv = m.query_key_value_bias ? (m.heads + 2 * m.kv_heads) * m.head_dim : 0;
  return norms + qkv + (m.layer_norm ? 2 * m.hidden + m.feed_forward : 0);
}

std::int64_t position_table(const ModelSpec& m) { return m.layer_norm ? m.max_sequence * m.hidden : 0; }

}  // namespace

std::int64_t layer_parameter_count(const ModelSpec& m) { return layer_matrices(m) + layer_vectors(m); }

std::int64_t parameter_count(const ModelSpec& m) {
  const std::int64_t tables = (m.tied_embeddings ? 1 : 2) * m.vocabulary * m.hidden + position_table(m);
  return m.layers * layer_parameter_count(m) + tables + (m.layer_norm ? 2 : 1) * m.hidden;
}

double keys_per_query(std::int64_t sequence, std::int64_t window) {
  const auto t = static_cast<double>(sequence), w = static_cast<double>(window);
  return window == 0 || window >= sequence ? t / 2 : (w * (w + 1) / 2 + (t - w) * w) / t;
}

double layer_forward_flops_per_token(const ModelSpec& m, std::int64_t sequence) {
  const double attention = static_cast<double>(m.heads * m.head_dim) * keys_per_query(sequence, m.window);
  return 2.0 * static_cast<double>(layer_matrices(m)) + 4.0 * attention;
}

double training_linear_flops_per_token(const ModelSpec& m) {
  return 6.0 * static_cast<double>(m.layers) * static_cast<double>(layer_matrices(m));
}

double training_head_flops_per_token(const ModelSpec& m) { return 6.0 * static_cast<double>(m.vocabulary * m.hidden); }

FlopsPerToken training_flops_per_token(const ModelSpec& m, std::int64_t sequence) {
  const auto parameters = static_cast<double>(parameter_count(m));
  const double head = 2.0 * static_cast<double>(m.vocabulary * m.hidden);
  const auto looked_up = static_cast<double>((m.tied_embeddings ? 0 : m.vocabulary * m.hidden) + position_table(m));
  const double whole_attention =
      12.0 * static_cast<double>(m.layers * m.heads * m.head_dim) * static_cast<double>(sequence);
  return {
      .megatron = 3.0 * (static_cast<double>(m.layers) * layer_forward_flops_per_token(m, sequence) + head),
      // torchtitan, get_nparams_and_flops: embedding and positions are looked up, not multiplied.
      .non_causal = 6.0 * (parameters - looked_up) + whole_attention,
      .six_n = 6.0 * parameters,
  };
}

ModelSpec with_layers(ModelSpec model, std::int64_t layers) {
  if (layers < 1 || layers > model.layers)
    fail(Exit::bad_input, "--layers {} does not cut {} (it has {} layers) write --layers with a number from 1 to {}",
         layers, model.name, model.layers, model.layers);
  model.layers = layers;
  return model;
}

}  // namespace scalebench
