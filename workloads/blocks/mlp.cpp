#include "workloads/blocks/mlp.hpp"

#include "workloads/blocks/layer_parameters.hpp"

namespace scalebench {

MlpActivations::MlpActivations(Device& device, const Shape& s)
    : sum(device.allocate(s.dtype, {s.R(), s.H}, Use::activations, "mlp_input")),
      norm(device, s, "mlp"),
      up(device.allocate(s.dtype, {s.N(), (s.layer_norm ? 1 : 2) * s.F}, Use::activations,
                         s.layer_norm ? "up" : "gate_up")),
      gated(device.allocate(s.dtype, {s.N(), s.F}, Use::activations, "gated")) {}

MlpScratch::MlpScratch(Device& device, const Shape& s)
    : d_gated(device.allocate(s.dtype, {s.N(), s.F}, Use::activations, "d_gated")) {}

void MlpBlock::forward_to_gated(Device& device, const Tensor& flat, const Tensor& input, const Tensor& added,
                                MlpActivations& a) const {
  const LayerParameters w(flat, unit, shape);
  norm(device, shape, w.mlp_norm, input, added, a.sum, a.norm);
  tensor.fetch(a.norm.normed, Whole::values);
  const Tensor rows = tensor.whole(a.norm.normed, Whole::values);
  if (shape.layer_norm) return linear.forward_with_bias(rows, w.up, w.up_bias, a.up, a.gated);
  linear.forward(rows, w.up, a.up);
  device.run(SwiGlu{.gate_up = a.up, .output = a.gated});
}

void MlpBlock::forward(Device& device, const Tensor& flat, const Tensor& input, const Tensor& added, MlpActivations& a,
                       const Tensor& branch) const {
  const LayerParameters w(flat, unit, shape);
  forward_to_gated(device, flat, input, added, a);
  linear.forward(a.gated, w.down, tensor.partial(branch));
  tensor.sum(branch);
  if (shape.layer_norm) device.run(AddBias{.values = branch, .bias = w.down_bias});
}

void MlpBlock::backward(Device& device, const Tensor& flat, const Tensor& d_flat, bool fresh, MlpActivations& a,
                        MlpScratch& scratch, const Tensor& d_normed, const Tensor& d_stream) const {
  const LayerParameters w(flat, unit, shape), d(d_flat, unit, shape);
  if (shape.layer_norm) device.run(BiasGradient{.d_output = d_stream, .d_bias = d.down_bias});
  tensor.fetch(d_stream, Whole::gradients);
  tensor.fetch(a.norm.normed, Whole::values);
  const Tensor d_branch = tensor.whole(d_stream, Whole::gradients);
  linear.backward_weight(d_branch, a.gated, d.down, fresh);
  linear.backward_input(d_branch, w.down, scratch.d_gated);
  if (shape.layer_norm) {
    device.run(GeluBackward{.input = a.up, .d_output = scratch.d_gated});
    device.run(BiasGradient{.d_output = a.up, .d_bias = d.up_bias});
  } else {
    device.run(SwiGluBackward{.gate_up = a.up, .d_output = scratch.d_gated});
  }
  linear.backward_input(a.up, w.up, tensor.partial(d_normed));
  tensor.start_sum(d_normed);
  linear.backward_weight(a.up, tensor.whole(a.norm.normed, Whole::values), d.up, fresh);
  tensor.finish_sum();
  norm_backward(device, shape, w.mlp_norm, d.mlp_norm, a.sum, a.norm, d_normed, d_stream, true);
}

}  // namespace scalebench
