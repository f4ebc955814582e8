// The instruction set: operations with named operands, their cost in FLOPs and the memory that they read and write.
//
// Shape letters: B sequences, T tokens of one sequence, N = B T rows, H hidden size, F feed-forward size, A query
// heads, K key-value heads, D head size, V vocabulary, P parameters of a flat buffer. Tensors "like x" have x's dtype,
// fp32 or bf16; all arithmetic accumulates in fp32. Bytes follow from the operands.
#pragma once

#include <cstdint>
#include <memory>
#include <string_view>
#include <vector>

#include "base/tensor.hpp"
#include "base/timeline.hpp"

namespace scalebench {

// to[...] = value
struct Fill {
  static constexpr std::string_view name = "fill";
  static constexpr Part part = Part::compute;
  Tensor to;
  double value{};
  void operands(auto&& see) const { see.writes(to); }
};

// to[i] = N(0, deviation), drawn from (seed, stream, first + i): the same numbers however a tensor is cut. Of columns
// cut out of wider rows: element i = r width + c, counted from the `skip`-th one on, is drawn from first + r pitch + c.
struct Normal {
  static constexpr std::string_view name = "normal";
  static constexpr Part part = Part::compute;
  Tensor to;  // contiguous
  double deviation{};
  std::uint64_t seed{}, stream{}, first{};
  std::int64_t width{}, pitch{}, skip{};  // width 0: no rows
  void operands(auto&& see) const { see.writes(to); }
};

// to = from, converted to the dtype of `to` (round to nearest even); contiguous, same count.
struct Convert {
  static constexpr std::string_view name = "convert";
  static constexpr Part part = Part::compute;
  Tensor from, to;
  void operands(auto&& see) const { see.reads(from), see.writes(to); }
};

// sum = a + b; contiguous, of one dtype and count.
struct Add {
  static constexpr std::string_view name = "add";
  static constexpr Part part = Part::compute;
  Tensor a, b, sum;
  double flops() const { return static_cast<double>(sum.count()); }
  void operands(auto&& see) const { see.reads(a, b), see.writes(sum); }
};

// counter[0] += 1: what changes between steps lives in device memory, so that a step can be repeated.
struct Advance {
  static constexpr std::string_view name = "advance";
  static constexpr Part part = Part::input;
  Tensor counter;  // i32 [1]
  void operands(auto&& see) const { see.reads(counter), see.writes(counter); }
};

// c = a b (+ c). A transposition is a strided view, so there are no flags.
struct Gemm {
  static constexpr std::string_view name = "gemm";
  static constexpr Part part = Part::compute;
  Tensor a, b,
      c;  // [m, k] [k, n] [m, n]; a and b of one dtype, one unit stride each; c fp32 or like a, rows contiguous
  bool accumulate = false;
  double flops() const {
    return 2.0 * static_cast<double>(a.rows()) * static_cast<double>(a.columns()) * static_cast<double>(b.columns());
  }
  void operands(auto&& see) const {
    see.reads(a, b);
    if (accumulate) see.reads(c);
    see.writes(c);
  }
};

// A seeded synthetic language: tokens[b, t] of the sequences first + b of step counter[0] * stride (SyntheticLanguage
// in base/synthetic_language.hpp defines it). T + 1 ids a row: inputs are [0, T), targets [1, T + 1).
struct SampleTokens {
  static constexpr std::string_view name = "sample_tokens";
  static constexpr Part part = Part::input;
  Tensor counter;  // i32 [1]: step number
  Tensor tokens;   // i32 [B, T + 1], contiguous
  std::uint64_t seed{};
  std::int64_t vocabulary{}, first{}, stride{};  // sequence number = counter * stride + first + b
  void operands(auto&& see) const { see.reads(counter), see.writes(tokens); }
};

// The sequences first + b of step counter[0] (from 1) out of those that a user brought, from the start again after the
// last: tokens[b, :] = ids[((counter[0] - 1) * stride + first + b) mod S, :].
struct PickTokens {
  static constexpr std::string_view name = "pick_tokens";
  static constexpr Part part = Part::input;
  Tensor counter;  // i32 [1]: step number
  Tensor ids;      // i32 [S, T + 1]
  Tensor tokens;   // i32 [B, T + 1]
  std::int64_t first{}, stride{};
  double bytes() const { return 2.0 * static_cast<double>(tokens.bytes()); }
  void operands(auto&& see) const { see.reads(counter, ids), see.writes(tokens); }
};

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

// Pairs of a query and a key that it sees, in one sequence. Without a window the `megatron` convention: half the
// square.
inline double visible_pairs(std::int64_t sequence, std::int64_t window) {
  const auto length = static_cast<double>(sequence), width = static_cast<double>(window);
  return window == 0 || window >= sequence ? length * length / 2 : width * (width + 1) / 2 + (length - width) * width;
}

// Of all heads and sequences, `products` times [1, D] [D, 1] a pair.
inline double attention_flops(const Tensor& query, std::int64_t sequence, std::int64_t window, double products) {
  return 2.0 * products * static_cast<double>(query.count()) / static_cast<double>(sequence) *
         visible_pairs(sequence, window);
}

// Causal grouped-query attention; never stores T x T scores. log_sum_exp[n, a] is of the scaled scores of row n.
// With a window, position t sees the keys (t - window, t] (Mistral: Jiang et al. 2023).
struct Attention {
  static constexpr std::string_view name = "attention";
  static constexpr Part part = Part::compute;
  Tensor query;             // [N, A, D], rows may have a pitch
  Tensor key, value;        // [N, K, D], rows may have a pitch; A a multiple of K
  Tensor output;            // [N, A, D] like query
  Tensor log_sum_exp;       // fp32 [N, A]
  std::int64_t sequence{};  // T
  double scale{};           // 1 / sqrt(D)
  std::int64_t window{};    // 0: none
  double flops() const { return attention_flops(query, sequence, window, 2); }
  void operands(auto&& see) const { see.reads(query, key, value), see.writes(output, log_sum_exp); }
};

// Gradients of Attention; scores are computed again from log_sum_exp (Dao et al. 2022). The extra product that this
// costs is not counted in flops(): 2 x forward, as model FLOPs are counted.
struct AttentionBackward {
  static constexpr std::string_view name = "attention_backward";
  static constexpr Part part = Part::compute;
  Tensor query, key, value, output, log_sum_exp;  // as Attention
  Tensor d_output;                                // [N, A, D]
  Tensor d_query, d_key, d_value;                 // like query, key, value
  std::int64_t sequence{};
  double scale{};
  std::int64_t window{};
  double flops() const { return attention_flops(query, sequence, window, 4); }
  void operands(auto&& see) const {
    see.reads(query, key, value, output, log_sum_exp, d_output), see.writes(d_query, d_key, d_value);
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

// loss += scale * sum over rows of -log softmax(logits)[target]; logits are overwritten by scale * (softmax - onehot).
// A logit row that is not finite gives a loss that is not finite.
struct CrossEntropy {
  static constexpr std::string_view name = "cross_entropy";
  static constexpr Part part = Part::compute;
  Tensor logits;   // [N, V] in: logits, out: their gradients
  Tensor targets;  // i32 [B, T], rows may have a pitch
  Tensor loss;     // fp32 [1]
  double scale{};
  double flops() const { return 6.0 * static_cast<double>(logits.count()); }
  void operands(auto&& see) const { see.reads(logits, targets, loss), see.writes(logits, loss); }
};

// Cross-entropy of logits whose vocabulary is cut over ranks (Shoeybi et al. 2019): each holds the columns [first,
// first + v), v may be 0. maximum[n] = max over v of logits[n, :]; its maximum over ranks goes into:
struct LogitMaximum {
  static constexpr std::string_view name = "logit_maximum";
  static constexpr Part part = Part::compute;
  Tensor logits;   // [N, v], rows may have a pitch
  Tensor maximum;  // fp32 [N]
  double flops() const { return static_cast<double>(logits.count()); }
  void operands(auto&& see) const { see.reads(logits), see.writes(maximum); }
};

// sums[0, n] = sum over v of exp(logits[n, :] - maximum[n]); sums[1, n] = the target's logit - maximum[n], or 0 where
// another rank holds it. Their sums over ranks go into:
struct LogitSums {
  static constexpr std::string_view name = "logit_sums";
  static constexpr Part part = Part::compute;
  Tensor logits, targets, maximum;  // [N, v], i32 [B, T], fp32 [N]
  Tensor sums;                      // fp32 [2, N]
  std::int64_t first{};
  double flops() const { return 3.0 * static_cast<double>(logits.count()); }
  void operands(auto&& see) const { see.reads(logits, targets, maximum), see.writes(sums); }
};

// As CrossEntropy: loss += loss_scale * sum over rows; logits are overwritten by scale * (softmax - onehot).
struct CrossEntropyOfPart {
  static constexpr std::string_view name = "cross_entropy_of_part";
  static constexpr Part part = Part::compute;
  Tensor logits, targets, maximum, sums, loss;  // fp32 [1]
  double scale{}, loss_scale{};
  std::int64_t first{};
  double flops() const { return 3.0 * static_cast<double>(logits.count()); }
  void operands(auto&& see) const { see.reads(logits, targets, maximum, sums, loss), see.writes(logits, loss); }
};

// total += weight * sum(values^2). The weight shares out elements that several ranks hold.
struct SumOfSquares {
  static constexpr std::string_view name = "sum_of_squares";
  static constexpr Part part = Part::optimizer;
  Tensor values;  // fp32, contiguous
  Tensor total;   // fp32 [1]
  double weight = 1;
  double flops() const { return 2.0 * static_cast<double>(values.count()); }
  void operands(auto&& see) const { see.reads(values, total), see.writes(total); }
};

// AdamW (Loshchilov, Hutter 2019) as torch.optim.AdamW, on gradients clipped as torch.nn.utils.clip_grad_norm_ does:
// gradient * min(1, clip / (sqrt(squared_norm) + 1e-6)). The first step is counter = 1.
struct AdamW {
  static constexpr std::string_view name = "adamw";
  static constexpr Part part = Part::optimizer;
  Tensor gradient, master, moment1, moment2;  // fp32 [P]
  Tensor copy{};                              // bf16 [P]: the parameters rounded, where a plan keeps such a copy
  Tensor squared_norm;                        // fp32 [1]: of the whole gradient, over all ranks
  Tensor counter;                             // i32 [1]
  double learning_rate{}, beta1{}, beta2{}, epsilon{}, weight_decay{}, clip{};
  double flops() const { return 16.0 * static_cast<double>(master.count()); }
  void operands(auto&& see) const {
    see.reads(gradient, master, moment1, moment2, squared_norm, counter);
    see.writes(master, moment1, moment2);
    if (copy.defined()) see.writes(copy);
  }
};

// master -= learning_rate * gradient, the gradient clipped as AdamW's: torch.optim.SGD without momentum.
struct Sgd {
  static constexpr std::string_view name = "sgd";
  static constexpr Part part = Part::optimizer;
  Tensor gradient, master;  // fp32 [P]
  Tensor copy{};            // bf16 [P]: the parameters rounded, where a plan keeps such a copy
  Tensor squared_norm;      // fp32 [1]: of the whole gradient, over all ranks
  double learning_rate{}, clip{};
  double flops() const { return 2.0 * static_cast<double>(master.count()); }
  void operands(auto&& see) const {
    see.reads(gradient, master, squared_norm), see.writes(master);
    if (copy.defined()) see.writes(copy);
  }
};

// Inputs whose reduction over `ranks` ranks is exact in every dtype and in any order: to[i] = 1 + i mod 3 on min(ranks,
// 64) of the ranks, which ones turns with i; 0 on the others. So sums stay <= 192, integers that bf16 holds.
struct VerifiableInput {
  static constexpr std::string_view name = "verifiable_input";
  static constexpr Part part = Part::input;
  static constexpr std::int64_t kMostSharers = 64;
  Tensor to;  // contiguous, fp32, bf16 or i32
  std::int64_t rank{}, ranks{};
  void operands(auto&& see) const { see.writes(to); }
};

// wrong[0] = elements of `values` that differ from the reduction of VerifiableInput over all ranks: no tolerance.
struct CountWrong {
  static constexpr std::string_view name = "count_wrong";
  static constexpr Part part = Part::input;
  Tensor values;  // contiguous, fp32, bf16 or i32
  Tensor wrong;   // i32 [1]
  std::int64_t ranks{};
  bool maximum = false;  // the reduction was a maximum, not a sum
  void operands(auto&& see) const { see.reads(values), see.writes(wrong); }
};

// Decode: N rows of S sequences, whose keys and values lie in blocks of P positions each, anywhere in a cache [blocks,
// K, P, D]; the table blocks[s, m] says where the positions [m P, (m + 1) P) of sequence s are.

// to = the host's numbers: what changes from step to step.
struct Upload {
  static constexpr std::string_view name = "upload";
  static constexpr Part part = Part::input;
  std::shared_ptr<const std::vector<std::int32_t>> values{};
  Tensor to;  // i32, contiguous, as many
  void operands(auto&& see) const { see.writes(to); }
};

// tokens[n] = origins[n] < 0 ? given[n] : max(sampled[origins[n]], 0): ids of prompts, or what the step before drew.
struct NextTokens {
  static constexpr std::string_view name = "next_tokens";
  static constexpr Part part = Part::input;
  Tensor given, origins;  // i32 [N]
  Tensor sampled;         // i32 [S]
  Tensor tokens;          // i32 [N]
  void operands(auto&& see) const { see.reads(given, origins, sampled), see.writes(tokens); }
};

// Keys and values of N rows, converted to the cache's dtype, put at slots[n] = block * P + place; nowhere where that is
// negative.
struct StoreKeyValue {
  static constexpr std::string_view name = "store_key_value";
  static constexpr Part part = Part::compute;
  Tensor key, value;              // [N, K, D], rows may have a pitch
  Tensor slots;                   // i32 [N]
  Tensor key_cache, value_cache;  // [blocks, K, P, D], fp32 or bf16
  double bytes() const {
    return static_cast<double>(key.bytes() + value.bytes()) +
           2.0 * static_cast<double>(key.count()) * static_cast<double>(size_of(key_cache.dtype()));
  }
  void operands(auto&& see) const { see.reads(key, value, slots), see.writes(key_cache, value_cache); }
};

// Causal grouped-query attention over the cache. The rows starts[s] .. starts[s + 1] are the last of the lengths[s]
// positions of sequence s; with a window, position t sees (t - window, t], and blocks wholly before that may be gone.
struct PagedAttention {
  static constexpr std::string_view name = "attention_paged";
  static constexpr Part part = Part::compute;
  Tensor query;                   // [N, A, D], rows may have a pitch
  Tensor key_cache, value_cache;  // [blocks, K, P, D]; A a multiple of K
  Tensor starts, lengths;         // i32 [S + 1], [S]
  Tensor blocks;                  // i32 [S, M]
  Tensor output;                  // [N, A, D] like query
  double scale{};                 // 1 / sqrt(D)
  std::int64_t window{};          // 0: none
  double pairs{}, keys{};         // that the host knows of: pairs of a query and a key that it sees; keys read
  double flops() const { return 4.0 * pairs * static_cast<double>(query.dim(1) * query.dim(2)); }
  double bytes() const {
    return 2.0 * static_cast<double>(query.bytes()) + 2.0 * keys *
                                                          static_cast<double>(key_cache.dim(1) * key_cache.dim(3)) *
                                                          static_cast<double>(size_of(key_cache.dtype()));
  }
  void operands(auto&& see) const {
    see.reads(query, key_cache, value_cache, starts, lengths, blocks), see.writes(output);
  }
};

// to[s, :] = from[rows[s], :]
struct GatherRows {
  static constexpr std::string_view name = "gather_rows";
  static constexpr Part part = Part::compute;
  Tensor from;  // [N, H]
  Tensor rows;  // i32 [S]
  Tensor to;    // [S, H] like from
  double bytes() const { return 2.0 * static_cast<double>(to.bytes()); }
  void operands(auto&& see) const { see.reads(from, rows), see.writes(to); }
};

// tokens[s] = drawn from the logits, whose vocabulary is cut into parts that follow each other; columns from
// `vocabulary` on are padding. Temperature 0: the best, of equal ones the first. Else the candidates are the top_k best
// (0: all), of these the fewest whose probabilities among them reach top_p, of equal ones the first. Their weights are
// exp((logit - best) / temperature); the token is the first, in the order of ids, at which the running sum of weights
// exceeds random_uniform(random_bits(seed, requests[s]), positions[s]) of the whole sum. A row that holds a NaN or
// whose best is not finite gives -1.
struct DrawTokens {
  static constexpr std::string_view name = "draw_tokens";
  static constexpr Part part = Part::compute;
  Tensor logits;               // [parts, S, V / parts], fp32 or bf16
  Tensor requests, positions;  // i32 [S]
  Tensor tokens;               // i32 [S]
  std::int64_t vocabulary{};
  double temperature{};
  std::int64_t top_k{};
  double top_p = 1;
  std::uint64_t seed{};
  void operands(auto&& see) const { see.reads(logits, requests, positions), see.writes(tokens); }
};

// Weights in int8, each row with a scale of its own (symmetric, round to nearest even): payload[n, :] = from[n, :] /
// scales[n], scales[n] = max |from[n, :]| / 127, or 1 where a row is zero.
struct Quantize {
  static constexpr std::string_view name = "quantize";
  static constexpr Part part = Part::compute;
  Tensor from;     // [n, k], fp32 or bf16
  Tensor payload;  // i8 [n, k], contiguous
  Tensor scales;   // fp32 [n]
  double flops() const { return 2.0 * static_cast<double>(from.count()); }
  void operands(auto&& see) const { see.reads(from), see.writes(payload, scales); }
};

// c[m, n] = scales[n] * sum over k of a[m, k] payload[n, k]
struct GemmQuantized {
  static constexpr std::string_view name = "gemm_int8";
  static constexpr Part part = Part::compute;
  Tensor a;                // [m, k], fp32 or bf16
  Tensor payload, scales;  // i8 [n, k], contiguous; fp32 [n]
  Tensor c;                // [m, n] like a
  double flops() const {
    return 2.0 * static_cast<double>(a.rows()) * static_cast<double>(a.columns()) * static_cast<double>(payload.rows());
  }
  void operands(auto&& see) const { see.reads(a, payload, scales), see.writes(c); }
};

}  // namespace scalebench
