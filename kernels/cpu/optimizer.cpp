#include "kernels/cpu/compute.hpp"
#include "kernels/cpu/context.hpp"
#include "kernels/cpu/numbers.hpp"

namespace scalebench::cpu {

namespace {

// Of torch.nn.utils.clip_grad_norm_.
double clip_factor(double clip, const Tensor& squared_norm) {
  ensure(clip > 0, "gradients are clipped to a norm of {}; without clipping it is infinity", clip);
  const double factor = clip / (std::sqrt(static_cast<double>(*data_of<float>(squared_norm))) + 1e-6);
  return factor > 1 ? 1 : factor;  // NaN stays NaN
}

// What is the same for all parameters in one step of AdamW.
struct Factors {
  float clip, beta1, beta2, decay, rate, root, epsilon;
};

Factors factors_of(const AdamW& op) {
  const double step = *data_of<std::int32_t>(op.counter);
  const auto narrow = [](double x) { return static_cast<float>(x); };
  return {.clip = narrow(clip_factor(op.clip, op.squared_norm)),
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

// master[i] = value(i), for parameters in [begin, end).
void update_all(float* master, Bf16* copy, std::int64_t begin, std::int64_t end, auto&& value) {
  if (copy == nullptr) {
#pragma omp simd
    for (std::int64_t i = begin; i < end; ++i) master[i] = value(i);
    return;
  }
#pragma omp simd
  for (std::int64_t i = begin; i < end; ++i) {
    const float updated = value(i);
    master[i] = updated;
    copy[i] = from_float<Bf16>(updated);
  }
}

Bf16* copy_of(const Tensor& copy) { return copy.defined() ? data_of<Bf16>(copy) : nullptr; }

void check(std::string_view name, std::initializer_list<const Tensor*> tensors, const Tensor& master) {
  for (const Tensor* tensor : tensors)
    ensure(tensor->contiguous() && tensor->dtype() == DType::f32 && tensor->count() == master.count(), "{} of {}", name,
           to_string(*tensor));
}

}  // namespace

void compute(const AdamW& op, CpuContext& context) {
  check(AdamW::name, {&op.gradient, &op.master, &op.moment1, &op.moment2}, op.master);
  const State state{data_of<float>(op.gradient), data_of<float>(op.master), data_of<float>(op.moment1),
                    data_of<float>(op.moment2)};
  const Factors by = factors_of(op);
  context.split(op.master.count(), kGrain, [&](std::int64_t begin, std::int64_t end, int) {
    update_all(state.master, copy_of(op.copy), begin, end, [&](std::int64_t i) { return update(state, by, i); });
  });
}

void compute(const Sgd& op, CpuContext& context) {
  check(Sgd::name, {&op.gradient, &op.master}, op.master);
  const auto* const gradient = data_of<float>(op.gradient);
  auto* const master = data_of<float>(op.master);
  const auto rate = static_cast<float>(op.learning_rate * clip_factor(op.clip, op.squared_norm));
  context.split(op.master.count(), kGrain, [&](std::int64_t begin, std::int64_t end, int) {
    update_all(master, copy_of(op.copy), begin, end, [&](std::int64_t i) { return master[i] - rate * gradient[i]; });
  });
}

}  // namespace scalebench::cpu
