#include "workloads/blocks/decode_weights.hpp"

#include <algorithm>

namespace scalebench {

namespace {

constexpr std::int64_t kDrawnAtOnce = 1 << 20;  // elements, in fp32 before they are rounded

// What is no matrix, as a unit of its own.
Unit vectors_of(const Unit& unit) {
  Unit vectors = unit;
  std::erase_if(vectors.parameters, [](const Parameter& p) { return !p.vector(); });
  std::int64_t offset = 0;
  for (Parameter& p : vectors.parameters) p.offset = offset, offset += p.count();
  return vectors;
}

double bytes_of(const NormParameters& norm) {
  return static_cast<double>(norm.weight.bytes() + (norm.bias.defined() ? norm.bias.bytes() : 0));
}

}  // namespace

void multiply(Device& device, const Tensor& x, const Weight& weight, const Tensor& y) {
  if (weight.plain.defined()) return device.run(Gemm{.a = x, .b = weight.plain.transposed(), .c = y});
  device.run(GemmQuantized{.a = x, .payload = weight.payload, .scales = weight.scales, .c = y});
}

DecodeWeights::DecodeWeights(Device& device, const Shape& shape, DType weight_dtype, const std::vector<Unit>& units,
                             const Initial& initial)
    : device_(device), shape_(shape), weight_dtype_(weight_dtype), quantises_(size_of(weight_dtype) == 1) {
  for (const Unit& unit : units) {
    if (unit.kind == UnitKind::layer) {
      add_layer(unit, initial);
    } else if (unit.kind == UnitKind::head) {
      add_head(unit, initial);
    } else {
      const Tensor flat = flat_of(unit, initial);
      table_ = view(flat, unit, 0);
      if (shape.layer_norm) positions_ = view(flat, unit, 1);
      if (unit.kind == UnitKind::tied) head_.plain = table_, final_norm_ = scalebench::final_norm(flat, unit, shape);
    }
  }
  bytes_ += head_.bytes() + bytes_of(final_norm_);
}

// What random numbers and checkpoints give is fp32.
Tensor DecodeWeights::flat_of(const Unit& unit, const Initial& initial) {
  const Tensor flat = buffers_.emplace_back(device_.allocate(shape_.dtype, {unit.count()}, Use::states, "weights"));
  if (shape_.dtype == DType::f32) {
    initialise(device_, unit, flat, 0, initial);
    return flat;
  }
  const std::int64_t most = std::min(kDrawnAtOnce, flat.count());
  const Buffer values = device_.allocate(DType::f32, {most}, Use::buffers, "initial_values");
  for (std::int64_t begin = 0; begin < flat.count(); begin += most) {
    const std::int64_t count = std::min(most, flat.count() - begin);
    const Tensor piece = values.tensor().slice(0, 0, count);
    initialise(device_, unit, piece, begin, initial);
    device_.run(Convert{.from = piece, .to = flat.slice(0, begin, count)});
  }
  return flat;
}

Weight DecodeWeights::quantised(const Unit& unit, std::size_t first, std::size_t count, const Initial& initial) {
  const std::int64_t columns = unit.parameters[first].columns, offset = unit.parameters[first].offset;
  std::int64_t rows = 0;
  for (std::size_t i = first; i < first + count; ++i) rows += unit.parameters[i].rows;
  const Tensor payload =
      buffers_.emplace_back(device_.allocate(weight_dtype_, {rows, columns}, Use::states, "quantised_weights"));
  const Tensor scales = buffers_.emplace_back(device_.allocate(DType::f32, {rows}, Use::states, "weight_scales"));
  const std::int64_t most = std::clamp<std::int64_t>(kDrawnAtOnce / columns, 1, rows);
  const Buffer values = device_.allocate(DType::f32, {most * columns}, Use::buffers, "initial_values");
  for (std::int64_t row = 0; row < rows; row += most) {
    const std::int64_t here = std::min(most, rows - row);
    const Tensor piece = values.tensor().slice(0, 0, here * columns);
    initialise(device_, unit, piece, offset + row * columns, initial);
    device_.run(Quantize{.from = piece.reshaped({here, columns}),
                         .payload = payload.slice(0, row, here),
                         .scales = scales.slice(0, row, here)});
  }
  return {.payload = payload, .scales = scales};
}

void DecodeWeights::add_layer(const Unit& unit, const Initial& initial) {
  if (!quantises_) {
    const Tensor flat = flat_of(unit, initial);
    const LayerParameters all(flat, unit, shape_);
    layers_.push_back({{all.qkv}, {all.attention_out}, {all.up}, {all.down}, all});
    bytes_ += static_cast<double>(flat.bytes());
    return;
  }
  const std::size_t ups = shape_.layer_norm ? 1 : 2;
  const Unit vectors = vectors_of(unit);
  const Tensor flat = flat_of(vectors, initial);
  layers_.push_back({quantised(unit, 0, 3, initial), quantised(unit, 3, 1, initial), quantised(unit, 4, ups, initial),
                     quantised(unit, 4 + ups, 1, initial), LayerParameters(flat, vectors, shape_, false)});
  const LayerWeights& w = layers_.back();
  bytes_ += static_cast<double>(flat.bytes());
  for (const Weight* const weight : {&w.qkv, &w.attention_out, &w.up, &w.down}) bytes_ += weight->bytes();
}

void DecodeWeights::add_head(const Unit& unit, const Initial& initial) {
  if (quantises_) {
    const Unit vectors = vectors_of(unit);
    head_ = quantised(unit, 0, 1, initial);
    final_norm_ = scalebench::final_norm(flat_of(vectors, initial), vectors, shape_);
    return;
  }
  const Tensor flat = flat_of(unit, initial);
  head_.plain = view(flat, unit, 0);
  final_norm_ = scalebench::final_norm(flat, unit, shape_);
}

}  // namespace scalebench
