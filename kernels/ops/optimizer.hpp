// What a step does with its gradients.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "base/moments.hpp"
#include "base/tensor.hpp"
#include "base/timeline.hpp"

namespace scalebench {

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

// Elements [begin, begin + count) of a flat state, as what they are in whole parameters: element begin + i is number
// first + r pitch + c of the generator's stream, where skip + i = r width + c. So a draw is of the element, however
// parameters are cut and shared out.
struct ElementRun {
  std::int64_t begin{}, count{};
  std::uint64_t stream{};
  std::int64_t first{}, width{}, pitch{}, skip{};
};

// AdamW (Loshchilov, Hutter 2019) as torch.optim.AdamW, on gradients clipped as torch.nn.utils.clip_grad_norm_ does:
// gradient * min(1, clip / (sqrt(squared_norm) + 1e-6)). The first step is counter = 1.
//
// The moments are computed in fp32 and kept in their dtype; the update takes them as they were computed.
//   bf16: the first is rounded to nearest. The second changes by 1 - beta2 of itself a step, which may be less than
//     half a step of bf16, so that it would stand still: it is rounded up with the probability that keeps its mean
//     (stochastic rounding; Gupta et al. 2015), drawn from random_bits(key, number) >> 48, key of (seed, stream, step).
//   e4m3: of each kMomentBlock elements, counted from the tensor's first, the largest magnitude / 448 is the scale, as
//     in torchao's AdamWFp8 (torchao/optim/subclass_fp8.py). Unlike there, a second moment above 0 doesn't become 0,
//     since the next update divides by its root: it is kept as the smallest number at least.
struct AdamW {
  static constexpr std::string_view name = "adamw";
  static constexpr Part part = Part::optimizer;
  Tensor gradient, master;    // fp32 [P]
  Tensor moment1, moment2;    // fp32, bf16 or e4m3 [P]
  Tensor scale1{}, scale2{};  // fp32 [P / kMomentBlock, rounded up], of e4m3
  Tensor copy{};              // bf16 or fp16 [P]: the parameters rounded, where a plan keeps such a copy
  Tensor squared_norm;        // fp32 [1]: of the whole gradient, over all ranks
  Tensor counter;             // i32 [1]
  Tensor inverse_scale{};     // fp32 [1], where the loss is scaled: see UpdateLossScale
  double learning_rate{}, beta1{}, beta2{}, epsilon{}, weight_decay{}, clip{};
  std::uint64_t seed{};
  // Of bf16, by `begin`, all elements; must live as long as the operation may be repeated. Element 0 is `offset` there.
  std::span<const ElementRun> numbers{};
  std::int64_t offset{};
  double flops() const { return 16.0 * static_cast<double>(master.count()); }
  void operands(auto&& see) const {
    see.reads(gradient, master, moment1, moment2, squared_norm, counter);
    see.writes(master, moment1, moment2);
    if (scale1.defined()) see.reads(scale1, scale2), see.writes(scale1, scale2);
    if (copy.defined()) see.writes(copy);
    if (inverse_scale.defined()) see.reads(inverse_scale);
  }
};

// The updates of several states that differ in their tensors alone, in few launches (multi-tensor, as apex and
// PyTorch's foreach call it): the same numbers.
struct MultiAdamW {
  static constexpr std::string_view name = AdamW::name;
  static constexpr Part part = Part::optimizer;
  std::vector<AdamW> updates;
  double flops() const {
    double all = 0;
    for (const AdamW& update : updates) all += update.flops();
    return all;
  }
  void operands(auto&& see) const {
    for (const AdamW& update : updates) update.operands(see);
  }
};

// master -= learning_rate * gradient, the gradient clipped as AdamW's: torch.optim.SGD without momentum.
struct Sgd {
  static constexpr std::string_view name = "sgd";
  static constexpr Part part = Part::optimizer;
  Tensor gradient, master;  // fp32 [P]
  Tensor copy{};            // bf16 or fp16 [P]: the parameters rounded, where a plan keeps such a copy
  Tensor squared_norm;      // fp32 [1]: of the whole gradient, over all ranks
  Tensor inverse_scale{};   // fp32 [1], where the loss is scaled: see UpdateLossScale
  double learning_rate{}, clip{};
  double flops() const { return 2.0 * static_cast<double>(master.count()); }
  void operands(auto&& see) const {
    see.reads(gradient, master, squared_norm), see.writes(master);
    if (copy.defined()) see.writes(copy);
    if (inverse_scale.defined()) see.reads(inverse_scale);
  }
};

// Dynamic loss scaling as torch.amp.GradScaler, between the sum of squares and the optimizer. Where the loss was
// multiplied by scale[0], so were all gradients; the optimizer multiplies them by inverse_scale = scale[1], and leaves
// everything as it is where squared_norm is not finite. After `interval` finite steps the scale grows (not beyond what
// fp32 holds); after one that is not it shrinks.
struct UpdateLossScale {
  static constexpr std::string_view name = "update_loss_scale";
  static constexpr Part part = Part::optimizer;
  Tensor squared_norm;  // fp32 [1]: in, of the scaled gradients over all ranks; out, of the gradients
  Tensor scale;         // fp32 [2]: of the next step, 1 / that of this step
  Tensor steps;         // i32 [2]: finite ones since the scale changed, all that updated anything
  double growth = 2, backoff = 0.5;
  std::int32_t interval = 2000;
  void operands(auto&& see) const { see.reads(squared_norm, scale, steps), see.writes(squared_norm, scale, steps); }
};

}  // namespace scalebench
