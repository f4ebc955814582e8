// The parameters of a model as flat units, the grain of sharding: the embedding, each layer, the final norm with the
// head. Where the head is the embedding's table (tied), the norm lies with it and there is no last unit.
//
// Weights lie in a unit in an order that lets q, k, v and gate, up be one matrix each. Names and shapes [out, in] are
// Hugging Face's.
#pragma once

#include <algorithm>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "base/tensor.hpp"
#include "spec/model.hpp"

namespace scalebench {

struct Parameter {
  std::string name{};
  std::int64_t rows{}, columns{};  // columns 0: a vector of `rows` elements (a norm's weight)
  std::int64_t offset{};           // elements, in its unit
  bool vector() const { return columns == 0; }
  std::int64_t count() const { return vector() ? rows : rows * columns; }
};

// What a unit is on the rank that holds it. tied: embedding and head in one.
enum class UnitKind : std::uint8_t { embedding, layer, head, tied };

struct Unit {
  std::vector<Parameter> parameters{};
  UnitKind kind = UnitKind::layer;
  std::size_t number{};  // in the model: where its initial values come from, whoever holds it
  std::int64_t count() const { return parameters.back().offset + parameters.back().count(); }
  // Rounded up so that every rank's shard has the same size.
  std::int64_t padded(int ranks) const { return (count() + ranks - 1) / ranks * ranks; }
};

// Unit 0 is the embedding, 1 .. L the layers, L + 1 the final norm and the head, unless tied.
std::vector<Unit> units_of(const ModelSpec& model);
// The layers among a rank's units.
inline std::size_t layers_of(std::span<const Unit> units) {
  return static_cast<std::size_t>(std::ranges::count(units, UnitKind::layer, &Unit::kind));
}

// `count` parameters from the `first` on, which must follow each other, as one [rows, columns] matrix (or one vector).
Tensor view(const Tensor& flat, const Unit& unit, std::size_t first, std::size_t count = 1);

}  // namespace scalebench
