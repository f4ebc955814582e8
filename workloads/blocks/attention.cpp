#include "workloads/blocks/attention.hpp"

#include "workloads/blocks/layer_parameters.hpp"
#include "workloads/blocks/linear.hpp"

namespace scalebench {

namespace {

struct Heads {
  Tensor query, key, value;  // [N, heads, D], rows one qkv row apart
  Heads(const Tensor& qkv, const Shape& s)
      : query(qkv.slice(1, 0, s.A * s.D).split(1, s.D)),
        key(qkv.slice(1, s.A * s.D, s.K * s.D).split(1, s.D)),
        value(qkv.slice(1, (s.A + s.K) * s.D, s.K * s.D).split(1, s.D)) {}
};

void turn(Device& device, const Heads& heads, const Tensor& frequencies, std::int64_t sequence, bool backward) {
  for (const Tensor& part : {heads.query, heads.key})
    device.run(Rope{.heads = part, .frequencies = frequencies, .sequence = sequence, .backward = backward});
}

}  // namespace

AttentionCore::AttentionCore(Device& device, const Shape& s)
    : output(device.allocate(s.dtype, {s.N(), s.A * s.D}, Use::activations, "attention_output")),
      log_sum_exp(device.allocate(DType::f32, {s.N(), s.A}, Use::activations, "log_sum_exp")) {}

AttentionActivations::AttentionActivations(Device& device, const Shape& s, bool with_core)
    : normed(device.allocate(s.dtype, {s.R(), s.H}, Use::activations, "attention_normed")),
      reciprocal(device.allocate(DType::f32, {s.R()}, Use::activations, "attention_reciprocal")),
      qkv(device.allocate(s.dtype, {s.N(), (s.A + 2 * s.K) * s.D}, Use::activations, "qkv")) {
  if (with_core) core.emplace(device, s);
}

AttentionScratch::AttentionScratch(Device& device, const Shape& s)
    : d_output(device.allocate(s.dtype, {s.N(), s.A * s.D}, Use::activations, "d_attention_output")),
      d_qkv(device.allocate(s.dtype, {s.N(), (s.A + 2 * s.K) * s.D}, Use::activations, "d_qkv")) {}

void AttentionBlock::forward(Device& device, const Tensor& flat, const Tensor& input, const Tensor& added,
                             const Tensor& sum, AttentionActivations& a, const Tensor& branch) const {
  const LayerParameters w(flat, unit);
  device.run(RmsNorm{.input = input,
                     .branch = added,
                     .sum = sum,
                     .weight = w.attention_norm,
                     .output = a.normed,
                     .reciprocal = a.reciprocal,
                     .epsilon = shape.epsilon});
  tensor.fetch(a.normed, Whole::values);
  linear(device, tensor.whole(a.normed, Whole::values), w.qkv, a.qkv);
  const Heads heads(a.qkv, shape);
  turn(device, heads, frequencies, shape.T, false);
  attend(device, a);
  linear(device, core_of(a).output, w.attention_out, tensor.partial(branch));
  tensor.sum(branch);
}

void AttentionBlock::attend(Device& device, AttentionActivations& a) const {
  const Heads heads(a.qkv, shape);
  device.run(Attention{.query = heads.query,
                       .key = heads.key,
                       .value = heads.value,
                       .output = core_of(a).output.tensor().split(1, shape.D),
                       .log_sum_exp = core_of(a).log_sum_exp,
                       .sequence = shape.T,
                       .scale = shape.attention_scale()});
}

void AttentionBlock::backward(Device& device, const Tensor& flat, const Tensor& d_flat, bool fresh, const Tensor& input,
                              AttentionActivations& a, AttentionScratch& scratch, const Tensor& d_normed,
                              const Tensor& d_stream) const {
  const LayerParameters w(flat, unit), d(d_flat, unit);
  tensor.fetch(d_stream, Whole::gradients);
  tensor.fetch(a.normed, Whole::values);
  if (!a.core) attend(device, a);
  const Tensor d_branch = tensor.whole(d_stream, Whole::gradients);
  linear_backward_weight(device, d_branch, core_of(a).output, d.attention_out, fresh);
  linear_backward_input(device, d_branch, w.attention_out, scratch.d_output);
  const Heads heads(a.qkv, shape), d_heads(scratch.d_qkv, shape);
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
                               .scale = shape.attention_scale()});
  turn(device, d_heads, frequencies, shape.T, true);
  linear_backward_input(device, scratch.d_qkv, w.qkv, tensor.partial(d_normed));
  tensor.start_sum(d_normed);
  linear_backward_weight(device, scratch.d_qkv, tensor.whole(a.normed, Whole::values), d.qkv, fresh);
  tensor.finish_sum();
  device.run(RmsNormBackward{.input = input,
                             .weight = w.attention_norm,
                             .reciprocal = a.reciprocal,
                             .d_output = d_normed,
                             .d_input = d_stream,
                             .d_weight = d.attention_norm,
                             .accumulate = true});
}

}  // namespace scalebench
