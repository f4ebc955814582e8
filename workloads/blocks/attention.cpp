#include "workloads/blocks/attention.hpp"

#include "workloads/blocks/layer_parameters.hpp"

namespace scalebench {

namespace {

struct Heads {
  Tensor query, key, value;  // [N, heads, D], rows one qkv row apart
  Heads(const Tensor& qkv, const Shape& s)
      : query(qkv.slice(1, 0, s.A * s.D).split(1, s.D)),
        key(qkv.slice(1, s.A * s.D, s.K * s.D).split(1, s.D)),
        value(qkv.slice(1, (s.A + s.K) * s.D, s.K * s.D).split(1, s.D)) {}
  // As attention sees them.
  Heads(const AttentionActivations& a, const Shape& s) : Heads(a.qkv.tensor(), s) {
    if (!s.query_key_norm) return;
    query = a.turned.tensor().slice(1, 0, s.A * s.D).split(1, s.D);
    key = a.turned.tensor().slice(1, s.A * s.D, s.K * s.D).split(1, s.D);
  }
};

}  // namespace

AttentionCore::AttentionCore(Device& device, const Shape& s)
    : output(device.allocate(s.dtype, {s.N(), s.A * s.D}, Use::activations, "attention_output")),
      log_sum_exp(device.allocate(DType::f32, {s.N(), s.A}, Use::activations, "log_sum_exp")) {}

AttentionActivations::AttentionActivations(Device& device, const Shape& s, bool with_core)
    : norm(device, s, "attention"),
      qkv(device.allocate(s.dtype, {s.N(), (s.A + 2 * s.K) * s.D}, Use::activations, "qkv")) {
  if (with_core) core.emplace(device, s);
  if (!s.query_key_norm) return;
  turned = device.allocate(s.dtype, {s.N(), (s.A + s.K) * s.D}, Use::activations, "normed_heads");
  query_reciprocal = device.allocate(DType::f32, {s.N(), s.A}, Use::activations, "head_reciprocal");
  key_reciprocal = device.allocate(DType::f32, {s.N(), s.K}, Use::activations, "head_reciprocal");
}

AttentionScratch::AttentionScratch(Device& device, const Shape& s)
    : d_output(device.allocate(s.dtype, {s.N(), s.A * s.D}, Use::activations, "d_attention_output")),
      d_qkv(device.allocate(s.dtype, {s.N(), (s.A + 2 * s.K) * s.D}, Use::activations, "d_qkv")) {}

void AttentionBlock::forward(Device& device, const Tensor& flat, const Tensor& input, const Tensor& added,
                             const Tensor& sum, AttentionActivations& a, const Tensor& branch) const {
  const LayerParameters w(flat, unit, shape);
  norm(device, shape, w.attention_norm, input, added, sum, a.norm);
  project(device, flat, a);
  attend(device, a);
  linear.forward(core_of(a).output, w.attention_out, tensor.partial(branch));
  tensor.sum(branch);
  if (shape.layer_norm) device.run(AddBias{.values = branch, .bias = w.attention_out_bias});
}

void AttentionBlock::project(Device& device, const Tensor& flat, AttentionActivations& a) const {
  const LayerParameters w(flat, unit, shape);
  tensor.fetch(a.norm.normed, Whole::values);
  const Tensor rows = tensor.whole(a.norm.normed, Whole::values);
  if (shape.query_key_value_bias)
    linear.forward_with_bias(rows, w.qkv, w.qkv_bias, a.qkv);
  else
    linear.forward(rows, w.qkv, a.qkv);
  const Heads raw(a.qkv.tensor(), shape), heads(a, shape);
  if (shape.query_key_norm) {
    device.run(HeadNorm{.input = raw.query,
                        .weight = w.query_norm,
                        .output = heads.query,
                        .reciprocal = a.query_reciprocal,
                        .epsilon = shape.epsilon});
    device.run(HeadNorm{.input = raw.key,
                        .weight = w.key_norm,
                        .output = heads.key,
                        .reciprocal = a.key_reciprocal,
                        .epsilon = shape.epsilon});
  }
  turn(device, heads.query, heads.key, false);
}

void AttentionBlock::turn(Device& device, const Tensor& query, const Tensor& key, bool backward) const {
  if (!frequencies.defined()) return;
  for (const Tensor& heads : {query, key})
    device.run(Rope{.heads = heads, .frequencies = frequencies, .sequence = shape.T, .backward = backward});
}

void AttentionBlock::attend(Device& device, AttentionActivations& a) const {
  const Heads heads(a, shape);
  device.run(Attention{.query = heads.query,
                       .key = heads.key,
                       .value = heads.value,
                       .output = core_of(a).output.tensor().split(1, shape.D),
                       .log_sum_exp = core_of(a).log_sum_exp,
                       .sequence = shape.T,
                       .scale = shape.attention_scale(),
                       .window = shape.window});
}

void AttentionBlock::backward(Device& device, const Tensor& flat, const Tensor& d_flat, bool fresh, const Tensor& input,
                              AttentionActivations& a, AttentionScratch& scratch, const Tensor& d_normed,
                              const Tensor& d_stream) const {
  const LayerParameters w(flat, unit, shape), d(d_flat, unit, shape);
  if (shape.layer_norm) device.run(BiasGradient{.d_output = d_stream, .d_bias = d.attention_out_bias});
  tensor.fetch(d_stream, Whole::gradients);
  tensor.fetch(a.norm.normed, Whole::values);
  if (!a.core) attend(device, a);
  const Tensor d_branch = tensor.whole(d_stream, Whole::gradients);
  linear.backward_weight(d_branch, core_of(a).output, d.attention_out, fresh);
  linear.backward_input(d_branch, w.attention_out, scratch.d_output);
  const Heads raw(a.qkv.tensor(), shape), heads(a, shape), d_heads(scratch.d_qkv.tensor(), shape);
  device.run(AttentionBackward{.query = heads.query,
                               .key = heads.key,
                               .value = heads.value,
                               .output = core_of(a).output.tensor().split(1, shape.D),
                               .log_sum_exp = core_of(a).log_sum_exp,
                               .d_output = scratch.d_output.tensor().split(1, shape.D),
                               .d_query = d_heads.query,
                               .d_key = d_heads.key,
                               .d_value = d_heads.value,
                               .sequence = shape.T,
                               .scale = shape.attention_scale(),
                               .window = shape.window});
  turn(device, d_heads.query, d_heads.key, true);
  if (shape.query_key_norm) {
    device.run(HeadNormBackward{.input = raw.query,
                                .weight = w.query_norm,
                                .reciprocal = a.query_reciprocal,
                                .d_output = d_heads.query,
                                .d_input = d_heads.query,
                                .d_weight = d.query_norm});
    device.run(HeadNormBackward{.input = raw.key,
                                .weight = w.key_norm,
                                .reciprocal = a.key_reciprocal,
                                .d_output = d_heads.key,
                                .d_input = d_heads.key,
                                .d_weight = d.key_norm});
  }
  if (shape.query_key_value_bias) device.run(BiasGradient{.d_output = scratch.d_qkv, .d_bias = d.qkv_bias});
  linear.backward_input(scratch.d_qkv, w.qkv, tensor.partial(d_normed));
  tensor.start_sum(d_normed);
  linear.backward_weight(scratch.d_qkv, tensor.whole(a.norm.normed, Whole::values), d.qkv, fresh);
  tensor.finish_sum();
  norm_backward(device, shape, w.attention_norm, d.attention_norm, input, a.norm, d_normed, d_stream, true);
}

}  // namespace scalebench
