#include "workloads/blocks/mlp.hpp"

#include "workloads/blocks/layer_parameters.hpp"
#include "workloads/blocks/linear.hpp"

namespace scalebench {

MlpActivations::MlpActivations(Device& device, const Shape& s)
    : sum(device.allocate(s.dtype, {s.R(), s.H}, Use::activations, "mlp_input")),
      normed(device.allocate(s.dtype, {s.R(), s.H}, Use::activations, "mlp_normed")),
      reciprocal(device.allocate(DType::f32, {s.R()}, Use::activations, "mlp_reciprocal")),
      gate_up(device.allocate(s.dtype, {s.N(), 2 * s.F}, Use::activations, "gate_up")),
      gated(device.allocate(s.dtype, {s.N(), s.F}, Use::activations, "gated")) {}

MlpScratch::MlpScratch(Device& device, const Shape& s)
    : d_gated(device.allocate(s.dtype, {s.N(), s.F}, Use::activations, "d_gated")) {}

void MlpBlock::forward_to_gated(Device& device, const Tensor& flat, const Tensor& input, const Tensor& added,
                                MlpActivations& a) const {
  const LayerParameters w(flat, unit);
  device.run(RmsNorm{.input = input,
                     .branch = added,
                     .sum = a.sum,
                     .weight = w.mlp_norm,
                     .output = a.normed,
                     .reciprocal = a.reciprocal,
                     .epsilon = shape.epsilon});
  tensor.fetch(a.normed, Whole::values);
  linear(device, tensor.whole(a.normed, Whole::values), w.gate_up, a.gate_up);
  device.run(SwiGlu{.gate_up = a.gate_up, .output = a.gated});
}

void MlpBlock::forward(Device& device, const Tensor& flat, const Tensor& input, const Tensor& added, MlpActivations& a,
                       const Tensor& branch) const {
  forward_to_gated(device, flat, input, added, a);
  linear(device, a.gated, LayerParameters(flat, unit).down, tensor.partial(branch));
  tensor.sum(branch);
}

void MlpBlock::backward(Device& device, const Tensor& flat, const Tensor& d_flat, bool fresh, MlpActivations& a,
                        MlpScratch& scratch, const Tensor& d_normed, const Tensor& d_stream) const {
  const LayerParameters w(flat, unit), d(d_flat, unit);
  tensor.fetch(d_stream, Whole::gradients);
  tensor.fetch(a.normed, Whole::values);
  const Tensor d_branch = tensor.whole(d_stream, Whole::gradients);
  linear_backward_weight(device, d_branch, a.gated, d.down, fresh);
  linear_backward_input(device, d_branch, w.down, scratch.d_gated);
  device.run(SwiGluBackward{.gate_up = a.gate_up, .d_output = scratch.d_gated});
  linear_backward_input(device, a.gate_up, w.gate_up, tensor.partial(d_normed));
  tensor.start_sum(d_normed);
  linear_backward_weight(device, a.gate_up, tensor.whole(a.normed, Whole::values), d.gate_up, fresh);
  tensor.finish_sum();
  device.run(RmsNormBackward{.input = a.sum,
                             .weight = w.mlp_norm,
                             .reciprocal = a.reciprocal,
                             .d_output = d_normed,
                             .d_input = d_stream,
                             .d_weight = d.mlp_norm,
                             .accumulate = true});
}

}  // namespace scalebench
