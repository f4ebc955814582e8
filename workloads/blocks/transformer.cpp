#include "workloads/blocks/transformer.hpp"

namespace scalebench {

Transformer::Transformer(Device& device, Mesh& mesh, const ModelSpec& model, const ParallelPlan& plan,
                         const std::vector<Unit>& units)
    : device_(device),
      shape_(model, plan),
      tensor_(device, mesh, shape_, plan),
      recompute_(plan.recompute == Recompute::full),
      units_(units),
      frequencies_(device.allocate(DType::f32, {model.head_dim / 2}, Use::buffers, "rope_frequencies")),
      attention_scratch_(device, shape_),
      mlp_scratch_(device, shape_),
      branch_(device.allocate(shape_.dtype, {shape_.R(), shape_.H}, Use::activations, "branch")),
      d_normed_(device.allocate(shape_.dtype, {shape_.R(), shape_.H}, Use::activations, "d_normed")),
      d_stream_(device.allocate(shape_.dtype, {shape_.R(), shape_.H}, Use::activations, "d_stream")),
      normed_(device.allocate(shape_.dtype, {shape_.R(), shape_.H}, Use::activations, "final_normed")),
      reciprocal_(device.allocate(DType::f32, {shape_.R()}, Use::activations, "final_reciprocal")),
      vocabulary_(device, model, shape_, tensor_) {
  device.write(frequencies_, rope_frequencies(model));
  for (std::int64_t layer = 0; layer <= model.layers; ++layer)
    inputs_.push_back(device.allocate(shape_.dtype, {shape_.R(), shape_.H}, Use::activations, "layer_input"));
  for (std::int64_t layer = 0; layer < (recompute_ ? 1 : model.layers); ++layer)
    layers_.push_back(std::make_unique<LayerActivations>(device, shape_));
}

std::vector<std::size_t> Transformer::order_of_uses(const std::vector<Unit>& units) {
  const std::size_t layers = layers_of(units);
  std::vector<std::size_t> order;
  for (std::size_t unit = 0; unit <= layers; ++unit) order.push_back(unit);
  order.push_back(head_of(units));
  for (std::size_t unit = layers; unit > 0; --unit) order.push_back(unit);
  return order;
}

void Transformer::forward_backward(Sharding& sharding, const Tensor& ids, const Tensor& loss, double scale, bool last) {
  const Tensor inputs = ids.slice(1, 0, shape_.T), targets = ids.slice(1, 1, shape_.T);
  const std::size_t layers = layers_of(units_);

  vocabulary_.embed(inputs, view(sharding.acquire(0), units_[0], 0), inputs_[0]);
  sharding.release(0);
  for (std::size_t unit = 1; unit <= layers; ++unit) forward_layer(sharding, unit);
  head(sharding, targets, loss, scale, last);
  for (std::size_t unit = layers; unit > 0; --unit) backward_layer(sharding, unit, last);

  const Gradient gradient = sharding.gradient(0);
  vocabulary_.embed_backward(inputs, d_stream_, view(gradient.flat, units_[0], 0));
  if (last) reduce(sharding, 0, gradient);
}

// The stream in front of layer `unit` is inputs_[unit - 1], to which the branch of the layer before is added here.
void Transformer::forward_layer(Sharding& sharding, std::size_t unit) {
  const Tensor flat = sharding.acquire(unit);
  LayerActivations& a = activations(unit);
  const bool first = unit == 1;
  const Tensor& before = first ? inputs_[0] : activations(unit - 1).mlp.sum;
  const Tensor none{};
  attention(unit).forward(device_, flat, before, first ? none : branch_.tensor(),
                          first ? none : inputs_[unit - 1].tensor(), a.attention, branch_);
  mlp(unit).forward(device_, flat, inputs_[unit - 1], branch_, a.mlp, branch_);
  sharding.release(unit);
}

void Transformer::head(Sharding& sharding, const Tensor& targets, const Tensor& loss, double scale, bool last) {
  const std::size_t unit = head_of(units_);
  const Tensor flat = sharding.acquire(unit);
  const Tensor weight = view(flat, units_[unit], 0), norm = view(flat, units_[unit], 1);
  const Tensor& stream = inputs_.back();
  device_.run(RmsNorm{.input = activations(layers_of(units_)).mlp.sum,
                      .branch = branch_,
                      .sum = stream,
                      .weight = norm,
                      .output = normed_,
                      .reciprocal = reciprocal_,
                      .epsilon = shape_.epsilon});
  const Tensor& logits = vocabulary_.logits(normed_, weight);
  if (watcher_) watcher_(logits);
  vocabulary_.lose(targets, loss, scale);

  const Gradient gradient = sharding.gradient(unit);
  vocabulary_.logits_backward(normed_, weight, view(gradient.flat, units_[unit], 0), gradient.fresh, d_normed_);
  device_.run(RmsNormBackward{.input = stream,
                              .weight = norm,
                              .reciprocal = reciprocal_,
                              .d_output = d_normed_,
                              .d_input = d_stream_,
                              .d_weight = view(gradient.flat, units_[unit], 1)});
  sharding.release(unit);
  if (last && unit > 0) reduce(sharding, unit, gradient);  // a tied one waits for its embedding's gradient
}

void Transformer::backward_layer(Sharding& sharding, std::size_t unit, bool last) {
  const Tensor flat = sharding.acquire(unit);
  LayerActivations& a = activations(unit);
  const Tensor& input = inputs_[unit - 1];
  if (recompute_) {  // all but the down projection, whose result no gradient needs
    attention(unit).forward(device_, flat, input, {}, {}, a.attention, branch_);
    mlp(unit).forward_to_gated(device_, flat, input, branch_, a.mlp);
  }
  const Gradient g = sharding.gradient(unit);
  mlp(unit).backward(device_, flat, g.flat, g.fresh, a.mlp, mlp_scratch_, d_normed_, d_stream_);
  attention(unit).backward(device_, flat, g.flat, g.fresh, input, a.attention, attention_scratch_, d_normed_,
                           d_stream_);
  sharding.release(unit);
  if (last) reduce(sharding, unit, g);
}

void Transformer::reduce(Sharding& sharding, std::size_t unit, const Gradient& gradient) {
  tensor_.reduce_replicated(units_[unit], gradient.flat);
  sharding.reduce(unit);
}

}  // namespace scalebench
