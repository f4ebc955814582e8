#include "kernels/cpu/compute.hpp"
#include "kernels/cpu/context.hpp"
#include "kernels/cpu/numbers.hpp"

namespace scalebench::cpu {

namespace {

// What is the same for all parameters in one step.
struct Factors {
  float clip, beta1, beta2, decay, rate, root, epsilon;
};

Factors factors_of(const AdamW& op) {
  const double step = *data_of<std::int32_t>(op.counter);
  const double norm = std::sqrt(static_cast<double>(*data_of<float>(op.squared_norm)));
  const double clip = op.clip / (norm + 1e-6);
  const auto narrow = [](double x) { return static_cast<float>(x); };
  return {.clip = narrow(clip > 1 ? 1 : clip),  // NaN stays NaN
          .beta1 = narrow(op.beta1),
          .beta2 = narrow(op.beta2),
          .decay = narrow(1 - op.learning_rate * op.weight_decay),
          .rate = narrow(op.learning_rate / (1 - std::pow(op.beta1, step))),
          .root = narrow(1 / std::sqrt(1 - std::pow(op.beta2, step))),
          .epsilon = narrow(op.epsilon)};
}

struct State {
  const float* gradient;
  float *master, *moment1, *moment2;
  Bf16* copy;
};

// The new value of parameter i.
inline float update(const State& state, const Factors& by, std::int64_t i) {
  const float gradient = state.gradient[i] * by.clip;
  const float moment1 = by.beta1 * state.moment1[i] + (1.0F - by.beta1) * gradient;
  const float moment2 = by.beta2 * state.moment2[i] + (1.0F - by.beta2) * gradient * gradient;
  state.moment1[i] = moment1;
  state.moment2[i] = moment2;
  return state.master[i] * by.decay - by.rate * moment1 / (std::sqrt(moment2) * by.root + by.epsilon);
}

void update_all(const State& state, const Factors& by, std::int64_t begin, std::int64_t end) {
  if (state.copy == nullptr) {
#pragma omp simd
    for (std::int64_t i = begin; i < end; ++i) state.master[i] = update(state, by, i);
    return;
  }
#pragma omp simd
  for (std::int64_t i = begin; i < end; ++i) {
    const float value = update(state, by, i);
    state.master[i] = value;
    state.copy[i] = from_float<Bf16>(value);
  }
}

}  // namespace

void compute(const AdamW& op, CpuContext& context) {
  ensure(op.clip > 0, "adamw clips gradients to a norm of {}; without clipping it is infinity", op.clip);
  for (const Tensor* tensor : {&op.gradient, &op.master, &op.moment1, &op.moment2})
    ensure(tensor->contiguous() && tensor->dtype() == DType::f32 && tensor->count() == op.master.count(), "adamw of {}",
           to_string(*tensor));
  const State state{data_of<float>(op.gradient), data_of<float>(op.master), data_of<float>(op.moment1),
                    data_of<float>(op.moment2), op.copy.defined() ? data_of<Bf16>(op.copy) : nullptr};
  const Factors by = factors_of(op);
  context.split(op.master.count(), kGrain,
                [&](std::int64_t begin, std::int64_t end, int) { update_all(state, by, begin, end); });
}

}  // namespace scalebench::cpu
