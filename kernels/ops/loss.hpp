// Cross-entropy, of the whole vocabulary or of a part of it.
#pragma once

#include <cstdint>
#include <string_view>

#include "base/tensor.hpp"
#include "base/timeline.hpp"

namespace scalebench {

// loss += scale * sum over rows of -log softmax(logits)[target]; logits are overwritten by scale * (softmax - onehot),
// times gradient_scale[0] where that is given (dynamic loss scaling). A logit row that is not finite gives a loss that
// is not finite.
struct CrossEntropy {
  static constexpr std::string_view name = "cross_entropy";
  static constexpr Part part = Part::compute;
  Tensor logits;   // [N, V] in: logits, out: their gradients
  Tensor targets;  // i32 [B, T], rows may have a pitch
  Tensor loss;     // fp32 [1]
  double scale{};
  Tensor gradient_scale{};  // fp32 [1]
  double flops() const { return 6.0 * static_cast<double>(logits.count()); }
  void operands(auto&& see) const {
    see.reads(logits, targets, loss), see.writes(logits, loss);
    if (gradient_scale.defined()) see.reads(gradient_scale);
  }
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

// As CrossEntropy: loss += loss_scale * sum over rows; logits are overwritten by scale * (softmax - onehot),
// times gradient_scale[0] where that is given.
struct CrossEntropyOfPart {
  static constexpr std::string_view name = "cross_entropy_of_part";
  static constexpr Part part = Part::compute;
  Tensor logits, targets, maximum, sums, loss;  // fp32 [1]
  double scale{}, loss_scale{};
  std::int64_t first{};
  Tensor gradient_scale{};  // fp32 [1]
  double flops() const { return 3.0 * static_cast<double>(logits.count()); }
  void operands(auto&& see) const {
    see.reads(logits, targets, maximum, sums, loss), see.writes(logits, loss);
    if (gradient_scale.defined()) see.reads(gradient_scale);
  }
};

}  // namespace scalebench
