#include "workloads/blocks/layout.hpp"

#include <fmt/format.h>

namespace scalebench {

namespace {

Unit unit_of(std::initializer_list<Parameter> parameters) {
  Unit unit{parameters};
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
    return {std::move(name), here, columns, 0, part.size > 1 ? Cut::rows : Cut::none, rows, part.rank * here};
  }
  Parameter columns(std::string name, std::int64_t rows, std::int64_t columns) const {
    const std::int64_t here = columns / part.size;
    return {std::move(name), rows, here, 0, part.size > 1 ? Cut::columns : Cut::none, columns, part.rank * here};
  }
};

Unit layer_unit(const ModelSpec& m, std::int64_t layer, const TensorRank& part) {
  const auto name = [&](std::string_view rest) { return fmt::format("model.layers.{}.{}.weight", layer, rest); };
  const std::int64_t queries = m.heads * m.head_dim, keys = m.kv_heads * m.head_dim;
  const Cutter cut{part};
  return unit_of({cut.rows(name("self_attn.q_proj"), queries, m.hidden),
                  cut.rows(name("self_attn.k_proj"), keys, m.hidden),
                  cut.rows(name("self_attn.v_proj"), keys, m.hidden),
                  cut.columns(name("self_attn.o_proj"), m.hidden, queries),
                  cut.rows(name("mlp.gate_proj"), m.feed_forward, m.hidden),
                  cut.rows(name("mlp.up_proj"), m.feed_forward, m.hidden),
                  cut.columns(name("mlp.down_proj"), m.hidden, m.feed_forward),
                  {name("input_layernorm"), m.hidden, 0},
                  {name("post_attention_layernorm"), m.hidden, 0}});
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

std::int64_t Unit::replicated_from() const {
  std::int64_t from = count();
  for (auto it = parameters.rbegin(); it != parameters.rend() && it->vector(); ++it) from = it->offset;
  return from;
}

std::vector<Unit> units_of(const ModelSpec& model, const TensorRank& part) {
  const Parameter embedding = Cutter{part}.rows("model.embed_tokens.weight", model.vocabulary, model.hidden);
  const Parameter head = Cutter{part}.rows("lm_head.weight", model.vocabulary, model.hidden);
  const Parameter norm{"model.norm.weight", model.hidden, 0};
  std::vector<Unit> units{model.tied_embeddings ? unit_of({embedding, norm}) : unit_of({embedding})};
  for (std::int64_t layer = 0; layer < model.layers; ++layer) units.push_back(layer_unit(model, layer, part));
  units.front().kind = model.tied_embeddings ? UnitKind::tied : UnitKind::embedding;
  if (!model.tied_embeddings) units.emplace_back(unit_of({head, norm})).kind = UnitKind::head;
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
