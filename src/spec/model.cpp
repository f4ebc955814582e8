#include "spec/model.hpp"

#include "base/check.hpp"

namespace scalebench {

namespace {

// Elements of the matrices of one layer: query, key, value, output; gate, up, down.
std::int64_t layer_matrices(const ModelSpec& m) {
  return 2 * m.hidden * m.heads * m.head_dim + 2 * m.hidden * m.kv_heads * m.head_dim + 3 * m.hidden * m.feed_forward;
}

}  // namespace

std::int64_t layer_parameter_count(const ModelSpec& m) { return layer_matrices(m) + 2 * m.hidden; }

std::int64_t parameter_count(const ModelSpec& m) {
  const std::int64_t tables = (m.tied_embeddings ? 1 : 2) * m.vocabulary * m.hidden;
  return m.layers * layer_parameter_count(m) + tables + m.hidden;
}

double layer_forward_flops_per_token(const ModelSpec& m, std::int64_t sequence) {
  const auto attention = static_cast<double>(m.heads * m.head_dim) * static_cast<double>(sequence);
  return 2.0 * static_cast<double>(layer_matrices(m)) + 2.0 * attention;
}

FlopsPerToken training_flops_per_token(const ModelSpec& m, std::int64_t sequence) {
  const auto parameters = static_cast<double>(parameter_count(m));
  const double head = 2.0 * static_cast<double>(m.vocabulary * m.hidden);
  const double table = m.tied_embeddings ? 0.0 : static_cast<double>(m.vocabulary * m.hidden);
  const double whole_attention =
      12.0 * static_cast<double>(m.layers * m.heads * m.head_dim) * static_cast<double>(sequence);
  return {
      .megatron = 3.0 * (static_cast<double>(m.layers) * layer_forward_flops_per_token(m, sequence) + head),
      // torchtitan, get_nparams_and_flops: the embedding table is looked up, not multiplied.
      .non_causal = 6.0 * (parameters - table) + whole_attention,
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
