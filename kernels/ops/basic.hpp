// Operations that every workload is made of: filling, converting, adding, matrix products, inputs and their checks.
#pragma once

#include <cstdint>
#include <string_view>

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
  // Of fp32: a and b count for no more than TF32 keeps of them, 10 bits of mantissa. Where there is no hardware for it,
  // they are rounded to nearest, ties away (PTX: cvt.rna.tf32.f32).
  bool tf32 = false;
  std::string_view label() const { return tf32 ? kTf32Name : name; }
  static constexpr std::string_view kTf32Name = "gemm_tf32";
  double flops() const {
    return 2.0 * static_cast<double>(a.rows()) * static_cast<double>(a.columns()) * static_cast<double>(b.columns());
  }
  void operands(auto&& see) const {
    see.reads(a, b);
    if (accumulate) see.reads(c);
    see.writes(c);
  }
};

// c = a b + bias, of every row; where `activated` is there, activated = gelu(c), in Gelu's form.
struct GemmBias {
  static constexpr std::string_view name = "gemm_bias";
  static constexpr Part part = Part::compute;
  Tensor a, b, c;      // as Gemm's; c like a
  Tensor bias;         // [n] like a
  Tensor activated{};  // [m, n] like a
  bool tf32 = false;   // as Gemm's
  std::string_view label() const { return tf32 ? kTf32Name : name; }
  static constexpr std::string_view kTf32Name = "gemm_bias_tf32";
  double flops() const {
    const auto cells = static_cast<double>(c.count());
    return (2.0 * static_cast<double>(a.columns()) + (activated.defined() ? 9.0 : 1.0)) * cells;
  }
  void operands(auto&& see) const {
    see.reads(a, b, bias), see.writes(c);
    if (activated.defined()) see.writes(activated);
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

// Inputs whose reduction over `ranks` ranks is exact in every dtype and in any order: to[i] = 1 + i mod 3 on min(ranks,
// 64) of the ranks, which ones turns with i; 0 on the others. So sums stay <= 192, integers that bf16 holds.
struct VerifiableInput {
  static constexpr std::string_view name = "verifiable_input";
  static constexpr Part part = Part::input;
  static constexpr std::int64_t kMostSharers = 64;
  Tensor to;  // contiguous, fp32, bf16, fp16 or i32
  std::int64_t rank{}, ranks{};
  void operands(auto&& see) const { see.writes(to); }
};

// wrong[0] = elements of `values` that differ from the reduction of VerifiableInput over all ranks: no tolerance.
struct CountWrong {
  static constexpr std::string_view name = "count_wrong";
  static constexpr Part part = Part::input;
  Tensor values;  // contiguous, fp32, bf16, fp16 or i32
  Tensor wrong;   // i32 [1]
  std::int64_t ranks{};
  bool maximum = false;  // the reduction was a maximum, not a sum
  void operands(auto&& see) const { see.reads(values), see.writes(wrong); }
};

}  // namespace scalebench
