#include "workloads/blocks/transformer.hpp"

#include "workloads/blocks/layer_parameters.hpp"

namespace scalebench {

Transformer::Transformer(Device& device, Mesh& mesh, const ModelSpec& model, const ParallelPlan& plan,
                         const Stage& stage, const std::vector<Kept>& kept)
    : device_(device),
      shape_(model, plan),
      tensor_(device, mesh, shape_, plan),
      linear_(device, plan.products, shape_),
      recompute_(plan.recompute),
      stage_(stage),
      attention_scratch_(device, shape_),
      mlp_scratch_(device, shape_),
      branch_(device.allocate(shape_.dtype, {shape_.R(), shape_.H}, Use::activations, "branch")),
      d_normed_(device.allocate(shape_.dtype, {shape_.R(), shape_.H}, Use::activations, "d_normed")),
      vocabulary_(device, model, plan, shape_, tensor_, stage.chunks.back().head.has_value()) {
  if (!model.layer_norm) {
    frequencies_ = device.allocate(DType::f32, {model.head_dim / 2}, Use::buffers, "rope_frequencies");
    device.write(frequencies_, rope_frequencies(model));
  }
  for (std::size_t chunk = 0; chunk < stage.chunks.size(); ++chunk) allocate(stage.chunks[chunk], kept[chunk]);
  if (recompute_ == Recompute::full) recomputed_ = std::make_unique<LayerActivations>(device, shape_, true);
  if (recompute_ == Recompute::attention) core_ = std::make_unique<AttentionCore>(device, shape_);
  if (!stage.chunks.back().head) return;
  norm_ = NormActivations(device, shape_, "final");
}

void Transformer::allocate(const Chunk& chunk, const Kept& kept) {
  ChunkMemory& memory = chunks_.emplace_back();
  for (std::int64_t turn = 0; turn < kept.inputs; ++turn) {
    std::vector<Buffer>& inputs = memory.inputs.emplace_back();
    for (std::size_t unit = chunk.begin; unit < chunk.end; ++unit)
      inputs.push_back(device_.allocate(shape_.dtype, {shape_.R(), shape_.H}, Use::activations, "layer_input"));
  }
  if (recompute_ == Recompute::full) return;
  for (std::int64_t turn = 0; turn < kept.activations; ++turn) {
    auto& layers = memory.layers.emplace_back();
    for (std::size_t unit = chunk.begin; unit < chunk.end; ++unit)
      layers.push_back(std::make_unique<LayerActivations>(device_, shape_, recompute_ == Recompute::none));
  }
}

const Tensor& Transformer::input(const Passage& p, std::size_t unit) const {
  const auto& turns = chunks_[p.chunk].inputs;
  return turns[static_cast<std::size_t>(p.micro_batch) % turns.size()][unit - stage_.chunks[p.chunk].begin];
}

const Tensor& Transformer::input(std::size_t chunk, std::int64_t micro_batch) const {
  return input({.chunk = chunk, .micro_batch = micro_batch}, stage_.chunks[chunk].begin);
}

Transformer::LayerActivations& Transformer::activations(const Passage& p, std::size_t unit) {
  if (recompute_ == Recompute::full) return *recomputed_;
  const auto& turns = chunks_[p.chunk].layers;
  return *turns[static_cast<std::size_t>(p.micro_batch) % turns.size()][unit - stage_.chunks[p.chunk].begin];
}

std::vector<std::size_t> Transformer::order_of_uses(const Stage& stage, const std::vector<Action>& schedule) {
  std::vector<std::size_t> order;
  for (const Action& action : schedule) {
    const Chunk& chunk = stage.chunks[action.chunk];
    if (action.direction == Direction::backward) {
      for (std::size_t unit = chunk.end; unit > chunk.begin; --unit) order.push_back(unit - 1);
      continue;
    }
    if (chunk.embedding) order.push_back(*chunk.embedding);
    for (std::size_t unit = chunk.begin; unit < chunk.end; ++unit) order.push_back(unit);
    if (chunk.head) order.push_back(*chunk.head);
  }
  return order;
}

void Transformer::forward(Sharding& sharding, const Passage& p, const Loss& loss) {
  const Chunk& chunk = stage_.chunks[p.chunk];
  if (chunk.embedding) embed(sharding, *chunk.embedding, p);
  for (std::size_t unit = chunk.begin; unit < chunk.end; ++unit) forward_layer(sharding, unit, p);
  if (chunk.head)
    head(sharding, *chunk.head, p, loss);
  else
    device_.run(Add{.a = activations(p, chunk.end - 1).mlp.sum, .b = branch_, .sum = p.behind});
}

void Transformer::backward(Sharding& sharding, const Passage& p, bool last) {
  const Chunk& chunk = stage_.chunks[p.chunk];
  if (last && chunk.head && chunk.head != stage_.shared && chunk.head != chunk.embedding) reduce(sharding, *chunk.head);
  for (std::size_t unit = chunk.end; unit > chunk.begin; --unit) backward_layer(sharding, unit - 1, p, last);
  if (!chunk.embedding) return;
  backward_embedding(sharding, *chunk.embedding, p);
  if (last && chunk.embedding != stage_.shared) reduce(sharding, *chunk.embedding);
}

void Transformer::embed(Sharding& sharding, std::size_t unit, const Passage& p) {
  const Tensor flat = sharding.acquire(unit);
  const Tensor& stream = input(p.chunk, p.micro_batch);
  vocabulary_.embed(p.ids.slice(1, 0, shape_.T), view(flat, stage_.units[unit], 0), stream);
  if (shape_.layer_norm)
    device_.run(AddPositions{.table = view(flat, stage_.units[unit], 1),
                             .output = stream,
                             .sequence = shape_.T,
                             .first = tensor_.first_row(stream)});
  sharding.release(unit);
}

void Transformer::backward_embedding(Sharding& sharding, std::size_t unit, const Passage& p) {
  const Gradient gradient = sharding.gradient(unit);
  vocabulary_.embed_backward(p.ids.slice(1, 0, shape_.T), p.d_stream, view(gradient.flat, stage_.units[unit], 0));
  if (shape_.layer_norm)
    device_.run(PositionsBackward{.d_output = p.d_stream,
                                  .d_table = view(gradient.flat, stage_.units[unit], 1),
                                  .sequence = shape_.T,
                                  .first = tensor_.first_row(p.d_stream)});
}

// The branch of the layer before is added to the stream in front of this one here; a chunk's first layer has it whole.
void Transformer::forward_layer(Sharding& sharding, std::size_t unit, const Passage& p) {
  const Tensor flat = sharding.acquire(unit);
  LayerActivations& a = activations(p, unit);
  const bool first = unit == stage_.chunks[p.chunk].begin;
  const Tensor& before = first ? input(p, unit) : activations(p, unit - 1).mlp.sum;
  const Tensor none{};
  attention(unit).forward(device_, flat, before, first ? none : branch_.tensor(), first ? none : input(p, unit),
                          a.attention, branch_);
  mlp(unit).forward(device_, flat, input(p, unit), branch_, a.mlp, branch_);
  sharding.release(unit);
}

void Transformer::head(Sharding& sharding, std::size_t unit, const Passage& p, const Loss& loss) {
  const Tensor flat = sharding.acquire(unit);
  const Unit& layout = stage_.units[unit];
  const Tensor weight = view(flat, layout, 0);
  const NormParameters w = final_norm(flat, layout, shape_);
  const Tensor& stream = p.behind;
  norm(device_, shape_, w, activations(p, stage_.chunks[p.chunk].end - 1).mlp.sum, branch_, stream, norm_);
  const Tensor& logits = vocabulary_.logits(norm_.normed, weight);
  if (watcher_) watcher_(p.ids, logits);
  vocabulary_.lose(p.ids.slice(1, 1, shape_.T), loss);

  const Gradient gradient = sharding.gradient(unit);
  vocabulary_.logits_backward(norm_.normed, weight, view(gradient.flat, layout, 0), gradient.fresh, d_normed_);
  norm_backward(device_, shape_, w, final_norm(gradient.flat, layout, shape_), stream, norm_, d_normed_, p.d_stream,
                false);
  sharding.release(unit);
}

void Transformer::backward_layer(Sharding& sharding, std::size_t unit, const Passage& p, bool last) {
  const Tensor flat = sharding.acquire(unit);
  LayerActivations& a = activations(p, unit);
  const Tensor& before = input(p, unit);
  if (recompute_ == Recompute::full) {  // all but the down projection, whose result no gradient needs
    attention(unit).forward(device_, flat, before, {}, {}, a.attention, branch_);
    mlp(unit).forward_to_gated(device_, flat, before, branch_, a.mlp);
  }
  const Gradient g = sharding.gradient(unit);
  mlp(unit).backward(device_, flat, g.flat, g.fresh, a.mlp, mlp_scratch_, d_normed_, p.d_stream);
  attention(unit).backward(device_, flat, g.flat, g.fresh, before, a.attention, attention_scratch_, d_normed_,
                           p.d_stream);
  sharding.release(unit);
  if (last) reduce(sharding, unit);
}

void Transformer::reduce(Sharding& sharding, std::size_t unit) {
  tensor_.reduce_replicated(stage_.units[unit], sharding.gradient(unit).flat);
  sharding.reduce(unit);
}

}  // namespace scalebench
