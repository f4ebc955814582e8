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

Unit layer_unit(const ModelSpec& m, std::int64_t layer) {
  const auto name = [&](std::string_view rest) { return fmt::format("model.layers.{}.{}.weight", layer, rest); };
  const std::int64_t queries = m.heads * m.head_dim, keys = m.kv_heads * m.head_dim;
  return unit_of({{name("self_attn.q_proj"), queries, m.hidden},
                  {name("self_attn.k_proj"), keys, m.hidden},
                  {name("self_attn.v_proj"), keys, m.hidden},
                  {name("self_attn.o_proj"), m.hidden, queries},
                  {name("mlp.gate_proj"), m.feed_forward, m.hidden},
                  {name("mlp.up_proj"), m.feed_forward, m.hidden},
                  {name("mlp.down_proj"), m.hidden, m.feed_forward},
                  {name("input_layernorm"), m.hidden, 0},
                  {name("post_attention_layernorm"), m.hidden, 0}});
}

}  // namespace

std::vector<Unit> units_of(const ModelSpec& model) {
  const Parameter embedding{"model.embed_tokens.weight", model.vocabulary, model.hidden};
  const Parameter head{"lm_head.weight", model.vocabulary, model.hidden}, norm{"model.norm.weight", model.hidden, 0};
  std::vector<Unit> units{model.tied_embeddings ? unit_of({embedding, norm}) : unit_of({embedding})};
  for (std::int64_t layer = 0; layer < model.layers; ++layer) units.push_back(layer_unit(model, layer));
  units.front().kind = model.tied_embeddings ? UnitKind::tied : UnitKind::embedding;
  if (!model.tied_embeddings) units.emplace_back(unit_of({head, norm})).kind = UnitKind::head;
  for (std::size_t number = 0; number < units.size(); ++number) units[number].number = number;
  return units;
}

Tensor view(const Tensor& flat, const Unit& unit, std::size_t first, std::size_t count) {
  const Parameter& start = unit.parameters[first];
  std::int64_t rows = 0;
  for (std::size_t i = first; i < first + count; ++i) rows += unit.parameters[i].rows;
  if (start.vector()) return flat.slice(0, start.offset, rows);
  return flat.slice(0, start.offset, rows * start.columns).reshaped({rows, start.columns});
}

}  // namespace scalebench
