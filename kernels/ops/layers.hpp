// Operations of the layers of a transformer, forward and backward.
#pragma once

#include <cstdint>
#include <string_view>

#include "base/tensor.hpp"
#include "base/timeline.hpp"

namespace scalebench {

// output[n, :] = table[tokens[n] - first, :]; 0 for tokens of rows that the table, a part, doesn't hold.
struct Embed {
  static constexpr std::string_view name = "embed";
  static constexpr Part part = Part::compute;
  Tensor tokens;                       // i32 [B, T], rows may have a pitch
  Tensor table;                        // [V, H]
  Tensor output;                       // [N, H] like table
  std::int64_t first{}, vocabulary{};  // of a part; vocabulary 0: the table is whole
  double bytes() const { return static_cast<double>(tokens.bytes() + 2 * output.bytes()); }
  void operands(auto&& see) const { see.reads(tokens, table), see.writes(output); }
};

// d_table[tokens[n] - first, :] += d_output[n, :], of the tokens whose rows it holds; the order of additions is fixed.
struct EmbedBackward {
  static constexpr std::string_view name = "embed_backward";
  static constexpr Part part = Part::compute;
  Tensor tokens;    // i32 [B, T]
  Tensor d_output;  // [N, H]
  Tensor d_table;   // fp32 [V, H]
  std::int64_t first{}, vocabulary{};
  double bytes() const {
    return static_cast<double>(tokens.bytes() + d_output.bytes()) + 8.0 * static_cast<double>(d_output.count());
  }
  void operands(auto&& see) const { see.reads(tokens, d_output, d_table), see.writes(d_table); }
};

// output[n, :] += table[(first + n) mod T, :]: learned positions. `first`: of rows that are a part of all.
struct AddPositions {
  static constexpr std::string_view name = "add_positions";
  static constexpr Part part = Part::compute;
  Tensor table;             // [at least T, H] like output
  Tensor output;            // [N, H]
  std::int64_t sequence{};  // T
  std::int64_t first{};
  Tensor positions{};  // i32 [N]: of rows of any sequences; then `sequence` and `first` mean nothing
  double flops() const { return static_cast<double>(output.count()); }
  double bytes() const {
    const std::int64_t read = positions.defined() ? output.count() : sequence * output.columns();
    return 2.0 * static_cast<double>(output.bytes()) +
           static_cast<double>(read) * static_cast<double>(size_of(output.dtype()));
  }
  void operands(auto&& see) const {
    see.reads(table, output), see.writes(output);
    if (positions.defined()) see.reads(positions);
  }
};

// d_table[t, :] += sum over sequences of d_output[their row t, :], in one order of additions.
struct PositionsBackward {
  static constexpr std::string_view name = "positions_backward";
  static constexpr Part part = Part::compute;
  Tensor d_output;          // [N, H]
  Tensor d_table;           // fp32 [at least T, H]
  std::int64_t sequence{};  // T
  std::int64_t first{};
  double flops() const { return static_cast<double>(d_output.count()); }
  double bytes() const {
    return static_cast<double>(d_output.bytes()) + 8.0 * static_cast<double>(sequence * d_output.columns());
  }
  void operands(auto&& see) const { see.reads(d_output, d_table), see.writes(d_table); }
};

// sum = input (+ branch); output = sum * reciprocal * weight, reciprocal = 1 / sqrt(mean(sum^2) + epsilon) per row.
// Zhang, Sennrich 2019. Without a branch, `branch` and `sum` are undefined.
struct RmsNorm {
  static constexpr std::string_view name = "rms_norm";
  static constexpr Part part = Part::compute;
  Tensor input;            // [N, H]
  Tensor branch{}, sum{};  // [N, H] like input
  Tensor weight;           // [H] like input
  Tensor output;           // [N, H] like input
  Tensor reciprocal;       // fp32 [N]
  double epsilon{};
  double flops() const { return 4.0 * static_cast<double>(input.count()); }
  void operands(auto&& see) const {
    see.reads(input, weight);
    if (branch.defined()) see.reads(branch), see.writes(sum);
    see.writes(output, reciprocal);
  }
};

// d_input (+)= gradient of RmsNorm's output in its sum; d_weight += gradient in the weight.
struct RmsNormBackward {
  static constexpr std::string_view name = "rms_norm_backward";
  static constexpr Part part = Part::compute;
  Tensor input;             // [N, H]: the sum that was normed
  Tensor weight;            // [H]
  Tensor reciprocal;        // fp32 [N]
  Tensor d_output;          // [N, H]
  Tensor d_input;           // [N, H] like input
  Tensor d_weight;          // fp32 [H]
  bool accumulate = false;  // adds to d_input; d_weight always adds
  double flops() const { return 10.0 * static_cast<double>(input.count()); }
  void operands(auto&& see) const {
    see.reads(input, weight, reciprocal, d_output, d_weight);
    if (accumulate) see.reads(d_input);
    see.writes(d_input, d_weight);
  }
};

// sum = input (+ branch); output = (sum - mean) * reciprocal * weight + bias, reciprocal = 1 / sqrt(variance +
// epsilon), mean and variance (of all H, not H - 1) per row. Ba, Kiros, Hinton 2016. Without a branch, both are
// undefined.
struct LayerNorm {
  static constexpr std::string_view name = "layer_norm";
  static constexpr Part part = Part::compute;
  Tensor input;             // [N, H]
  Tensor branch{}, sum{};   // [N, H] like input
  Tensor weight, bias;      // [H] like input
  Tensor output;            // [N, H] like input
  Tensor mean, reciprocal;  // fp32 [N]
  double epsilon{};
  double flops() const { return 7.0 * static_cast<double>(input.count()); }
  void operands(auto&& see) const {
    see.reads(input, weight, bias);
    if (branch.defined()) see.reads(branch), see.writes(sum);
    see.writes(output, mean, reciprocal);
  }
};

// d_input (+)= gradient of LayerNorm's output in its sum; d_weight, d_bias += gradients in weight and bias.
struct LayerNormBackward {
  static constexpr std::string_view name = "layer_norm_backward";
  static constexpr Part part = Part::compute;
  Tensor input;             // [N, H]: the sum that was normed
  Tensor weight;            // [H]
  Tensor mean, reciprocal;  // fp32 [N]
  Tensor d_output;          // [N, H]
  Tensor d_input;           // [N, H] like input
  Tensor d_weight, d_bias;  // fp32 [H]
  bool accumulate = false;  // adds to d_input; d_weight and d_bias always add
  double flops() const { return 13.0 * static_cast<double>(input.count()); }
  void operands(auto&& see) const {
    see.reads(input, weight, mean, reciprocal, d_output, d_weight, d_bias);
    if (accumulate) see.reads(d_input);
    see.writes(d_input, d_weight, d_bias);
  }
};

// RmsNorm of each head: output[n, a, :] = input[n, a, :] * reciprocal[n, a] * weight.
struct HeadNorm {
  static constexpr std::string_view name = "head_norm";
  static constexpr Part part = Part::compute;
  Tensor input;       // [N, heads, D], rows may have a pitch
  Tensor weight;      // [D] like input
  Tensor output;      // [N, heads, D] like input, rows may have a pitch
  Tensor reciprocal;  // fp32 [N, heads]
  double epsilon{};
  double flops() const { return 4.0 * static_cast<double>(input.count()); }
  void operands(auto&& see) const { see.reads(input, weight), see.writes(output, reciprocal); }
};

// d_input = gradient of HeadNorm's output in its input; d_weight += gradient in the weight.
struct HeadNormBackward {
  static constexpr std::string_view name = "head_norm_backward";
  static constexpr Part part = Part::compute;
  Tensor input, weight, reciprocal;  // as HeadNorm
  Tensor d_output, d_input;          // [N, heads, D], rows may have a pitch; may be the same place
  Tensor d_weight;                   // fp32 [D]
  double flops() const { return 10.0 * static_cast<double>(input.count()); }
  void operands(auto&& see) const {
    see.reads(input, weight, reciprocal, d_output, d_weight), see.writes(d_input, d_weight);
  }
};

// Rotary position embedding in place, Hugging Face's form: pairs (i, i + D/2), angle = position * theta^(-2i/D).
// backward turns by the negative angle. Su et al. 2021.
struct Rope {
  static constexpr std::string_view name = "rope";
  static constexpr Part part = Part::compute;
  Tensor heads;             // [N, heads, D], rows may have a pitch
  Tensor frequencies;       // fp32 [D / 2]: angle per position
  std::int64_t sequence{};  // T: position = row modulo T
  bool backward = false;
  Tensor positions{};  // i32 [N]: of rows of any sequences; then `sequence` means nothing
  double flops() const { return 3.0 * static_cast<double>(heads.count()); }
  void operands(auto&& see) const {
    see.reads(heads, frequencies), see.writes(heads);
    if (positions.defined()) see.reads(positions);
  }
};

// output = silu(gate) * up. Shazeer 2020.
struct SwiGlu {
  static constexpr std::string_view name = "swiglu";
  static constexpr Part part = Part::compute;
  Tensor gate_up;  // [N, 2 F]: gate in [0, F), up in [F, 2 F)
  Tensor output;   // [N, F]
  double flops() const { return 6.0 * static_cast<double>(output.count()); }
  void operands(auto&& see) const { see.reads(gate_up), see.writes(output); }
};

// gate_up is overwritten by its gradient.
struct SwiGluBackward {
  static constexpr std::string_view name = "swiglu_backward";
  static constexpr Part part = Part::compute;
  Tensor gate_up;   // [N, 2 F] in: values, out: gradients
  Tensor d_output;  // [N, F]
  double flops() const { return 10.0 * static_cast<double>(d_output.count()); }
  void operands(auto&& see) const { see.reads(gate_up, d_output), see.writes(gate_up); }
};

// output = x (1 + tanh(sqrt(2 / pi) (x + 0.044715 x^3))) / 2: GPT-2's form of Hendrycks and Gimpel 2016.
struct Gelu {
  static constexpr std::string_view name = "gelu";
  static constexpr Part part = Part::compute;
  Tensor input, output;  // [N, F]
  double flops() const { return 8.0 * static_cast<double>(output.count()); }
  void operands(auto&& see) const { see.reads(input), see.writes(output); }
};

// input is overwritten by its gradient.
struct GeluBackward {
  static constexpr std::string_view name = "gelu_backward";
  static constexpr Part part = Part::compute;
  Tensor input;     // [N, F] in: values, out: gradients
  Tensor d_output;  // [N, F]
  double flops() const { return 13.0 * static_cast<double>(d_output.count()); }
  void operands(auto&& see) const { see.reads(input, d_output), see.writes(input); }
};

// values[n, :] += bias, in place.
struct AddBias {
  static constexpr std::string_view name = "add_bias";
  static constexpr Part part = Part::compute;
  Tensor values;  // [N, C], rows may have a pitch
  Tensor bias;    // [C] like values
  double flops() const { return static_cast<double>(values.count()); }
  void operands(auto&& see) const { see.reads(values, bias), see.writes(values); }
};

// d_bias += sum over n of d_output[n, :], in one order of additions.
struct BiasGradient {
  static constexpr std::string_view name = "bias_gradient";
  static constexpr Part part = Part::compute;
  Tensor d_output;  // [N, C], rows may have a pitch
  Tensor d_bias;    // fp32 [C]
  double flops() const { return static_cast<double>(d_output.count()); }
  void operands(auto&& see) const { see.reads(d_output, d_bias), see.writes(d_bias); }
};

}  // namespace scalebench
