// The parameters of a model as flat units, the grain of sharding: the embedding, each layer, the final norm with the
// head. Where the head is the embedding's table (tied), the norm lies with it and there is no last unit.
//
// Weights lie in a unit in an order that lets q, k, v and gate, up be one matrix each, behind them the vectors: first
// those that are cut. Names and shapes [out, in] are Hugging Face's, unless it stores them otherwise.
#pragma once

#include <algorithm>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "base/tensor.hpp"
#include "spec/model.hpp"

namespace scalebench {

// Which part of a matrix a tensor-parallel rank holds (Shoeybi et al. 2019): some of its rows, its outputs, where a
// block begins and in the tables; some of its columns, its inputs, where a block ends.
enum class Cut : std::uint8_t { none, rows, columns };

struct Parameter {
  std::string name{};
  std::int64_t rows{}, columns{};  // of this part; columns 0: a vector of `rows` elements (a norm's weight)
  std::int64_t offset{};           // elements, in its unit
  Cut cut = Cut::none;
  std::int64_t whole{}, first{};  // along the cut: the size of the whole, and where this part begins
  double start = 1;               // initial value of a vector's elements
  bool added_to = false;          // a matrix whose gradient is never written, but added to
  bool of_heads = false;          // every rank has it, but sees in its gradient the rank's own heads only
  // Of a matrix that Hugging Face stores as [in, out] (gpt2's Conv1D), and maybe others behind one another in one such.
  bool transposed = false;
  std::int64_t fused{}, fused_first{};  // outputs of all, and where these begin; 0: it stands alone
  bool vector() const { return columns == 0; }
  std::int64_t count() const { return vector() ? rows : rows * columns; }
  std::vector<std::int64_t> stored_shape() const;  // of the whole
  // Where an element of the part, or of a vector with column 0, is stored in the whole.
  std::int64_t stored_place(std::int64_t row, std::int64_t column) const;
  // Rows of the whole that are here; what follows is padding, where a vocabulary doesn't divide.
  std::int64_t held_rows() const { return cut == Cut::rows ? std::clamp<std::int64_t>(whole - first, 0, rows) : rows; }
};

struct TensorRank {
  int rank = 0, size = 1;
};

// What a unit is on the rank that holds it. tied: embedding and head in one.
enum class UnitKind : std::uint8_t { embedding, layer, head, tied };

struct Unit {
  std::vector<Parameter> parameters{};
  UnitKind kind = UnitKind::layer;
  std::size_t number{};  // in the model: where its initial values come from, whoever holds it
  int stages = 1;        // of a pipeline, that hold it
  std::int64_t count() const { return parameters.back().offset + parameters.back().count(); }
  // Elements from here on are the same on all tensor-parallel ranks: what is not cut comes last.
  std::int64_t replicated_from() const;
  // Rounded up so that every rank's shard has the same size, of whole grains.
  std::int64_t padded(int ranks, std::int64_t grain = 1) const {
    const std::int64_t unit = ranks * grain;
    return (count() + unit - 1) / unit * unit;
  }
};

// Unit 0 is the embedding, 1 .. L the layers, L + 1 the final norm and the head, unless tied.
std::vector<Unit> units_of(const ModelSpec& model, const TensorRank& part = {});
// Rows of the embedding's table and of the head on each tensor-parallel rank: rounded up, so that all have as many.
inline std::int64_t vocabulary_of_part(const ModelSpec& model, int parts) {
  return (model.vocabulary + parts - 1) / parts;
}
// Key-value heads on each tensor-parallel rank: where there are fewer than ranks, several ranks hold the same one.
inline std::int64_t kv_heads_of_part(const ModelSpec& model, int parts) {
  return std::max<std::int64_t>(1, model.kv_heads / parts);
}
// The layers among a rank's units.
inline std::size_t layers_of(std::span<const Unit> units) {
  return static_cast<std::size_t>(std::ranges::count(units, UnitKind::layer, &Unit::kind));
}

// The whole unit, flat, put together from those of all tensor-parallel ranks.
std::vector<double> joined(const ModelSpec& model, std::size_t unit, const std::vector<std::vector<double>>& parts);

// `count` parameters from the `first` on, which must follow each other, as one [rows, columns] matrix (or one vector).
Tensor view(const Tensor& flat, const Unit& unit, std::size_t first, std::size_t count = 1);

}  // namespace scalebench
