// An update of AdamW for the tests of it.
#pragma once

#include "tests/kernels/lab.hpp"

namespace scalebench::test {

// Of fp32 moments, which are 0, and a copy in bf16; its gradient, norm and counter are still to be written.
inline AdamW make_adamw(Lab& lab, std::int64_t count, double clip) {
  const Values zeros(static_cast<std::size_t>(count), 0.0);
  return {.gradient = lab.empty(DType::f32, {count}),
          .master = lab.random(DType::f32, {count}),
          .moment1 = lab.of(DType::f32, {count}, zeros),
          .moment2 = lab.of(DType::f32, {count}, zeros),
          .copy = lab.empty(DType::bf16, {count}),
          .squared_norm = lab.empty(DType::f32, {1}),
          .counter = lab.of(DType::i32, {1}, {0}),
          .learning_rate = 1e-2,
          .beta1 = 0.9,
          .beta2 = 0.95,
          .epsilon = 1e-8,
          .weight_decay = 0.1,
          .clip = clip};
}

// What it makes, in fp64.
struct ByFormula {
  Values master, moment1, moment2;
};

// As torch.optim.AdamW and torch.nn.utils.clip_grad_norm_ write it.
inline void step(ByFormula& wanted, const AdamW& op, const Values& gradient, double squared_norm, double t) {
  const double factor = std::min(1.0, op.clip / (std::sqrt(squared_norm) + 1e-6));
  for (std::size_t i = 0; i < gradient.size(); ++i) {
    const double g = gradient[i] * factor;
    wanted.master[i] *= 1 - op.learning_rate * op.weight_decay;
    wanted.moment1[i] = op.beta1 * wanted.moment1[i] + (1 - op.beta1) * g;
    wanted.moment2[i] = op.beta2 * wanted.moment2[i] + (1 - op.beta2) * g * g;
    const double root = std::sqrt(wanted.moment2[i]) / std::sqrt(1 - std::pow(op.beta2, t));
    wanted.master[i] -= op.learning_rate / (1 - std::pow(op.beta1, t)) * wanted.moment1[i] / (root + op.epsilon);
  }
}

}  // namespace scalebench::test
