#include "kernels/cpu/compute.hpp"
#include "kernels/cpu/context.hpp"
#include "kernels/cpu/moments.hpp"
#include "kernels/cpu/numbers.hpp"

namespace scalebench::cpu {

namespace {

// Of torch.nn.utils.clip_grad_norm_.
double clip_factor(double clip, const Tensor& squared_norm) {
  ensure(clip > 0, "gradients are clipped to a norm of {}; without clipping it is infinity", clip);
  const double factor = clip / (std::sqrt(static_cast<double>(*data_of<float>(squared_norm))) + 1e-6);
  return factor > 1 ? 1 : factor;  // NaN stays NaN
}

// What gradients are multiplied by.
double gradient_factor(const auto& op) {
  const double clip = clip_factor(op.clip, op.squared_norm);
  return op.inverse_scale.defined() ? clip * static_cast<double>(*data_of<float>(op.inverse_scale)) : clip;
}

// A step whose scaled gradients overflowed changes nothing.
bool skipped(const auto& op) { return op.inverse_scale.defined() && !std::isfinite(*data_of<float>(op.squared_norm)); }

// What is the same for all parameters in one step of AdamW.
struct Factors {
  float clip, beta1, beta2, decay, rate, root, epsilon;
};

Factors factors_of(const AdamW& op) {
  const double step = *data_of<std::int32_t>(op.counter);
  const auto narrow = [](double x) { return static_cast<float>(x); };
  return {.clip = narrow(gradient_factor(op)),
          .beta1 = narrow(op.beta1),
          .beta2 = narrow(op.beta2),
          .decay = narrow(1 - op.learning_rate * op.weight_decay),
          .rate = narrow(op.learning_rate / (1 - std::pow(op.beta1, step))),
          .root = narrow(1 / std::sqrt(1 - std::pow(op.beta2, step))),
          .epsilon = narrow(op.epsilon)};
}

struct State {
  const float* gradient;
  float* master;
};

// Products that are added are fused with the addition, here as on a GPU, so that moments have the same bits.
void update(const State& state, const Factors& by, MomentBlock& block) {
  const float rest1 = 1.0F - by.beta1, rest2 = 1.0F - by.beta2;
  const float* const gradients = state.gradient + block.begin;
  float* const masters = state.master + block.begin;
  float *const firsts = block.first.data(), *const seconds = block.second.data();
#pragma omp simd
  for (std::int64_t i = 0; i < block.count; ++i) {
    const float gradient = gradients[i] * by.clip;
    const float first = std::fma(by.beta1, firsts[i], rest1 * gradient);
    const float second = std::fma(by.beta2, seconds[i], rest2 * gradient * gradient);
    firsts[i] = first;
    seconds[i] = second;
    masters[i] = std::fma(masters[i], by.decay, -(by.rate * first / std::fma(std::sqrt(second), by.root, by.epsilon)));
  }
}

template <class Copy>
void round_to(Copy* copy, const State& state, const MomentBlock& block) {
  if (copy == nullptr) return;
#pragma omp simd
  for (std::int64_t i = block.begin; i < block.begin + block.count; ++i) copy[i] = from_float<Copy>(state.master[i]);
}

template <class Moments, class Copy>
void update_all(const State& state, Copy* copy, const Factors& by, const Moments& moments, std::int64_t count,
                CpuContext& context) {
  context.split((count + kMomentBlock - 1) / kMomentBlock, kGrain / kMomentBlock,
                [&](std::int64_t begin, std::int64_t end, int) {
                  MomentBlock block;
                  for (std::int64_t number = begin; number < end; ++number) {
                    block.begin = number * kMomentBlock;
                    block.count = std::min(kMomentBlock, count - block.begin);
                    moments.load(block);
                    update(state, by, block);
                    moments.store(block);
                    round_to(copy, state, block);
                  }
                });
}

// master[i] = value(i), for parameters in [begin, end).
template <class Copy>
void update_all(float* master, Copy* copy, std::int64_t begin, std::int64_t end, auto&& value) {
  if (copy == nullptr) {
#pragma omp simd
    for (std::int64_t i = begin; i < end; ++i) master[i] = value(i);
    return;
  }
#pragma omp simd
  for (std::int64_t i = begin; i < end; ++i) {
    const float updated = value(i);
    master[i] = updated;
    copy[i] = from_float<Copy>(updated);
  }
}

// Calls body(the copy), null where there is none.
template <class Body>
void with_copy(const Tensor& copy, const Body& body) {
  if (copy.defined() && copy.dtype() == DType::f16) return body(data_of<Half>(copy));
  body(copy.defined() ? data_of<Bf16>(copy) : nullptr);
}

void check_moments(const AdamW& op) {
  const std::int64_t count = op.master.count(), blocks = (count + kMomentBlock - 1) / kMomentBlock;
  for (const Tensor* moment : {&op.moment1, &op.moment2})
    ensure(moment->contiguous() && moment->dtype() == op.moment1.dtype() && moment->count() == count, "adamw of {}",
           to_string(*moment));
  if (op.moment1.dtype() == DType::e4m3)
    for (const Tensor* scale : {&op.scale1, &op.scale2})
      ensure(scale->defined() && scale->dtype() == DType::f32 && scale->count() == blocks,
             "adamw of moments in blocks without their scales");
  if (op.moment1.dtype() == DType::bf16)
    ensure(!op.numbers.empty() && op.numbers.front().begin <= op.offset &&
               op.numbers.back().begin + op.numbers.back().count >= op.offset + count,
           "adamw of elements without numbers");
}

void check(std::string_view name, std::initializer_list<const Tensor*> tensors, const Tensor& master) {
  for (const Tensor* tensor : tensors)
    ensure(tensor->contiguous() && tensor->dtype() == DType::f32 && tensor->count() == master.count(), "{} of {}", name,
           to_string(*tensor));
}

}  // namespace

void compute(const AdamW& op, CpuContext& context) {
  check(AdamW::name, {&op.gradient, &op.master}, op.master);
  check_moments(op);
  if (skipped(op)) return;
  const State state{data_of<float>(op.gradient), data_of<float>(op.master)};
  const auto run = [&](const auto& moments) {
    with_copy(op.copy,
              [&](auto* copy) { update_all(state, copy, factors_of(op), moments, op.master.count(), context); });
  };
  if (op.moment1.dtype() == DType::e4m3)
    return run(MomentsInE4m3{data_of<std::uint8_t>(op.moment1), data_of<std::uint8_t>(op.moment2),
                             data_of<float>(op.scale1), data_of<float>(op.scale2)});
  if (op.moment1.dtype() == DType::bf16)
    return run(
        MomentsInBf16{op, *data_of<std::int32_t>(op.counter), data_of<Bf16>(op.moment1), data_of<Bf16>(op.moment2)});
  ensure(op.moment1.dtype() == DType::f32, "adamw of {}", to_string(op.moment1));
  run(MomentsInFp32{data_of<float>(op.moment1), data_of<float>(op.moment2)});
}

void compute(const MultiAdamW& op, CpuContext& context) {
  for (const AdamW& update : op.updates) compute(update, context);
}

void compute(const Sgd& op, CpuContext& context) {
  check(Sgd::name, {&op.gradient, &op.master}, op.master);
  if (skipped(op)) return;
  const auto* const gradient = data_of<float>(op.gradient);
  auto* const master = data_of<float>(op.master);
  const auto rate = static_cast<float>(op.learning_rate * gradient_factor(op));
  with_copy(op.copy, [&](auto* copy) {
    context.split(op.master.count(), kGrain, [&](std::int64_t begin, std::int64_t end, int) {
      update_all(master, copy, begin, end, [&](std::int64_t i) { return master[i] - rate * gradient[i]; });
    });
  });
}

void compute(const UpdateLossScale& op, CpuContext&) {
  float &squared_norm = *data_of<float>(op.squared_norm), *const scale = data_of<float>(op.scale);
  auto* const steps = data_of<std::int32_t>(op.steps);
  const bool finite = std::isfinite(squared_norm);
  const float now = scale[0];
  scale[1] = 1 / now;
  squared_norm = squared_norm * scale[1] * scale[1];
  steps[0] = finite ? steps[0] + 1 : 0, steps[1] += finite ? 1 : 0;
  const bool grows = steps[0] == op.interval;
  const float next = now * static_cast<float>(!finite ? op.backoff : grows ? op.growth : 1);
  if (grows) steps[0] = 0;
  if (std::isfinite(next)) scale[0] = next;
}

}  // namespace scalebench::cpu
