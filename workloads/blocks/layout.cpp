#include "workloads/blocks/layout.hpp"

#include <fmt/format.h>

namespace scalebench {

namespace {

Unit unit_of(std::vector<Parameter> parameters) {
  Unit unit{std::move(parameters)};
  std::int64_t offset = 0;
  for (Parameter& parameter : unit.parameters) {
    parameter.offset = offset;
    offset += parameter.count();
  }
  return unit;
}

// Parts of a matrix of so many rows and columns.
struct Cutter {
  TensorRank part;
  Parameter rows(std::string name, std::int64_t rows, std::int64_t columns) const {
    const std::int64_t here = (rows + part.size - 1) / part.size;
    return {.name = std::move(name),
            .rows = here,
            .columns = columns,
            .cut = part.size > 1 ? Cut::rows : Cut::none,
            .whole = rows,
            .first = part.rank * here};
  }
  Parameter columns(std::string name, std::int64_t rows, std::int64_t columns) const {
    const std::int64_t here = columns / part.size;
    return {.name = std::move(name),
            .rows = rows,
            .columns = here,
            .cut = part.size > 1 ? Cut::columns : Cut::none,
            .whole = columns,
            .first = part.rank * here};
  }
  // Rows of key-value heads, of which several parts may hold the same.
  Parameter heads(std::string name, const ModelSpec& m, std::int64_t columns) const {
    Parameter parameter = rows(std::move(name), m.kv_heads * m.head_dim, columns);
    parameter.rows = kv_heads_of_part(m, part.size) * m.head_dim;
    parameter.first = part.rank * m.kv_heads / part.size * m.head_dim;
    return parameter;
  }
  // Of outputs that are cut: where their rows are.
  Parameter bias(std::string name, std::int64_t count) const {
    Parameter bias = rows(std::move(name), count, 0);
    bias.start = 0;
    return bias;
  }
};

using Parameters = std::vector<Parameter>;

Parameter vector(std::string name, std::int64_t count, double start) {
  return {.name = std::move(name), .rows = count, .whole = count, .start = start};
}

void add_norm(Parameters& to, const ModelSpec& m, const std::string& name) {
  to.push_back(vector(name + ".weight", m.hidden, 1));
  if (m.layer_norm) to.push_back(vector(name + ".bias", m.hidden, 0));
}

Unit layer_unit(const ModelSpec& m, std::int64_t layer, const TensorRank& part) {
  const auto name = [&](std::string_view rest) { return fmt::format("model.layers.{}.{}", layer, rest); };
  const std::int64_t queries = m.heads * m.head_dim;
  const Cutter cut{part};
  Parameters all = {cut.rows(name("self_attn.q_proj.weight"), queries, m.hidden),
                    cut.heads(name("self_attn.k_proj.weight"), m, m.hidden),
                    cut.heads(name("self_attn.v_proj.weight"), m, m.hidden),
                    cut.columns(name("self_attn.o_proj.weight"), m.hidden, queries),
                    cut.rows(name("mlp.gate_proj.weight"), m.feed_forward, m.hidden),
                    cut.rows(name("mlp.up_proj.weight"), m.feed_forward, m.hidden),
                    cut.columns(name("mlp.down_proj.weight"), m.hidden, m.feed_forward)};
  if (m.query_key_value_bias)
    for (const char* projection : {"q", "k", "v"}) {
      const std::string bias = name(fmt::format("self_attn.{}_proj.bias", projection));
      all.push_back(projection[0] == 'q' ? cut.bias(bias, queries) : cut.heads(bias, m, 0));
      all.back().start = 0;
    }
  for (const char* head : {"q", "k"})
    if (m.query_key_norm) {
      all.push_back(vector(name(fmt::format("self_attn.{}_norm.weight", head)), m.head_dim, 1));
      all.back().of_heads = true;
    }
  add_norm(all, m, name("input_layernorm")), add_norm(all, m, name("post_attention_layernorm"));
  return unit_of(std::move(all));
}

// Hugging Face's Conv1D stores [in, out]; query, key and value of all heads in one.
Unit gpt2_layer_unit(const ModelSpec& m, std::int64_t layer, const TensorRank& part) {
  const auto name = [&](std::string_view rest) { return fmt::format("transformer.h.{}.{}", layer, rest); };
  const std::int64_t width = m.heads * m.head_dim;
  const Cutter cut{part};
  Parameters all;
  for (int i = 0; i < 3; ++i) all.push_back(cut.rows(name("attn.c_attn.weight"), width, m.hidden));
  all.push_back(cut.columns(name("attn.c_proj.weight"), m.hidden, width));
  all.push_back(cut.rows(name("mlp.c_fc.weight"), m.feed_forward, m.hidden));
  all.push_back(cut.columns(name("mlp.c_proj.weight"), m.hidden, m.feed_forward));
  for (Parameter& matrix : all) matrix.transposed = true;
  const std::size_t biases = all.size();
  for (int i = 0; i < 3; ++i) all.push_back(cut.bias(name("attn.c_attn.bias"), width));
  all.push_back(cut.bias(name("mlp.c_fc.bias"), m.feed_forward));
  for (std::size_t i = 0; i < 3; ++i)
    for (Parameter* fused : {&all[i], &all[biases + i]})
      fused->fused = 3 * width, fused->fused_first = static_cast<std::int64_t>(i) * width;
  add_norm(all, m, name("ln_1")), add_norm(all, m, name("ln_2"));
  all.push_back(vector(name("attn.c_proj.bias"), m.hidden, 0));
  all.push_back(vector(name("mlp.c_proj.bias"), m.hidden, 0));
  return unit_of(std::move(all));
}

// Puts a part of a parameter where it lies in the whole.
void place(const Parameter& part, const double* from, double* whole) {
  const std::int64_t width = part.vector() ? 1 : part.columns;
  const std::int64_t pitch = part.cut == Cut::columns ? part.whole : width;
  const std::int64_t begin = part.cut == Cut::rows ? part.first * width : part.cut == Cut::columns ? part.first : 0;
  for (std::int64_t row = 0; row < part.held_rows(); ++row)
    std::copy(from + row * width, from + (row + 1) * width, whole + begin + row * pitch);
}

}  // namespace

std::vector<std::int64_t> Parameter::stored_shape() const {
  const std::int64_t outputs = fused > 0 ? fused : cut == Cut::rows ? whole : rows;
  const std::int64_t inputs = cut == Cut::columns ? whole : columns;
  if (vector()) return {outputs};
  return transposed ? std::vector{inputs, outputs} : std::vector{outputs, inputs};
}

std::int64_t Parameter::stored_place(std::int64_t row, std::int64_t column) const {
  const std::int64_t output = fused_first + row + (cut == Cut::rows ? first : 0);
  const std::int64_t input = column + (cut == Cut::columns ? first : 0);
  if (vector()) return output;
  return transposed ? input * stored_shape()[1] + output : output * stored_shape()[1] + input;
}

std::int64_t Unit::replicated_from() const {
  std::int64_t from = count();
  for (auto it = parameters.rbegin(); it != parameters.rend() && it->cut == Cut::none; ++it) from = it->offset;
  return from;
}

std::vector<Unit> units_of(const ModelSpec& model, const TensorRank& part) {
  const bool gpt2 = model.layer_norm;
  const Cutter cut{part};
  Parameters first = {
      cut.rows(gpt2 ? "transformer.wte.weight" : "model.embed_tokens.weight", model.vocabulary, model.hidden)};
  if (gpt2) {
    first.push_back({.name = "transformer.wpe.weight", .rows = model.max_sequence, .columns = model.hidden});
    first.back().added_to = true;
  }
  Parameters last = {cut.rows("lm_head.weight", model.vocabulary, model.hidden)};
  add_norm(model.tied_embeddings ? first : last, model, gpt2 ? "transformer.ln_f" : "model.norm");
  std::vector<Unit> units{unit_of(std::move(first))};
  for (std::int64_t layer = 0; layer < model.layers; ++layer)
    units.push_back(gpt2 ? gpt2_layer_unit(model, layer, part) : layer_unit(model, layer, part));
  units.front().kind = model.tied_embeddings ? UnitKind::tied : UnitKind::embedding;
  if (!model.tied_embeddings) units.emplace_back(unit_of(std::move(last))).kind = UnitKind::head;
  for (std::size_t number = 0; number < units.size(); ++number) units[number].number = number;
  return units;
}

std::vector<double> joined(const ModelSpec& model, std::size_t unit, const std::vector<std::vector<double>>& parts) {
  if (parts.size() == 1) return parts.front();
  if (parts.empty()) return {};
  const Unit whole = units_of(model)[unit];
  std::vector<double> values(static_cast<std::size_t>(whole.count()));
  for (std::size_t rank = 0; rank < parts.size(); ++rank) {
    const Unit part = units_of(model, {static_cast<int>(rank), static_cast<int>(parts.size())})[unit];
    for (std::size_t i = 0; i < whole.parameters.size(); ++i)
      place(part.parameters[i], parts[rank].data() + part.parameters[i].offset,
            values.data() + whole.parameters[i].offset);
  }
  return values;
}

Tensor view(const Tensor& flat, const Unit& unit, std::size_t first, std::size_t count) {
  const Parameter& start = unit.parameters[first];
  std::int64_t rows = 0;
  for (std::size_t i = first; i < first + count; ++i) rows += unit.parameters[i].rows;
  if (start.vector()) return flat.slice(0, start.offset, rows);
  return flat.slice(0, start.offset, rows * start.columns).reshaped({rows, start.columns});
}

}  // namespace scalebench
