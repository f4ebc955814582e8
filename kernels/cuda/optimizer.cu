// AdamW and Sgd: one pass over the state, 30 bytes a parameter with a copy, 10 for Sgd.
#include "kernels/cuda/cells.cuh"
#include "kernels/cuda/compute.hpp"

namespace scalebench::cuda {

namespace {

constexpr int kThreads = 256;

// What is the same for all parameters in one step; computed on the device, where the step and the norm are.
struct Factors {
  float clip, beta1, beta2, decay, rate, root, epsilon;
};

struct Settings {
  double learning_rate, beta1, beta2, epsilon, weight_decay, clip;
};

// Of torch.nn.utils.clip_grad_norm_.
__device__ double clip_factor(double clip, float squared_norm) {
  const double factor = clip / (sqrt(static_cast<double>(squared_norm)) + 1e-6);
  return factor > 1 ? 1 : factor;  // NaN stays NaN
}

__global__ void adamw_factors(Settings by, const float* squared_norm, const std::int32_t* counter, Factors* to) {
  if (threadIdx.x != 0) return;
  const double step = *counter;
  to->clip = static_cast<float>(clip_factor(by.clip, *squared_norm));
  to->beta1 = static_cast<float>(by.beta1);
  to->beta2 = static_cast<float>(by.beta2);
  to->decay = static_cast<float>(1 - by.learning_rate * by.weight_decay);
  to->rate = static_cast<float>(by.learning_rate / (1 - pow(by.beta1, step)));
  to->root = static_cast<float>(1 / sqrt(1 - pow(by.beta2, step)));
  to->epsilon = static_cast<float>(by.epsilon);
}

struct State {
  const float* gradient;
  float *master, *moment1, *moment2;
  Bf16* copy;
};

template <int N>
__global__ void adamw(State state, const Factors* factors, std::int64_t count) {
  const Factors by = *factors;
  for (std::int64_t i = global_thread() * N; i < count; i += global_threads() * N) {
    const auto gradients = load<N>(state.gradient + i);
    auto masters = load<N>(state.master + i), firsts = load<N>(state.moment1 + i), seconds = load<N>(state.moment2 + i);
    Pack<Bf16, N> rounded;
    for (int j = 0; j < N; ++j) {
      const float gradient = gradients.at[j] * by.clip;
      const float first = by.beta1 * firsts.at[j] + (1.0F - by.beta1) * gradient;
      const float second = by.beta2 * seconds.at[j] + (1.0F - by.beta2) * gradient * gradient;
      firsts.at[j] = first;
      seconds.at[j] = second;
      masters.at[j] = masters.at[j] * by.decay - by.rate * first / (sqrtf(second) * by.root + by.epsilon);
      rounded.at[j] = from_float<Bf16>(masters.at[j]);
    }
    store(state.moment1 + i, firsts);
    store(state.moment2 + i, seconds);
    store(state.master + i, masters);
    if (state.copy != nullptr) store(state.copy + i, rounded);
  }
}

template <int N>
__global__ void sgd(State state, double learning_rate, double clip, const float* squared_norm, std::int64_t count) {
  const auto rate = static_cast<float>(learning_rate * clip_factor(clip, *squared_norm));
  for (std::int64_t i = global_thread() * N; i < count; i += global_threads() * N) {
    const auto gradients = load<N>(state.gradient + i);
    auto masters = load<N>(state.master + i);
    Pack<Bf16, N> rounded;
    for (int j = 0; j < N; ++j) {
      masters.at[j] -= rate * gradients.at[j];
      rounded.at[j] = from_float<Bf16>(masters.at[j]);
    }
    store(state.master + i, masters);
    if (state.copy != nullptr) store(state.copy + i, rounded);
  }
}

void check(std::initializer_list<const Tensor*> tensors, std::int64_t count, double clip) {
  for (const Tensor* tensor : tensors) {
    need(tensor->contiguous() && tensor->dtype() == DType::f32 && tensor->count() == count, *tensor,
         "is no state of an optimizer");
    need(clip > 0, *tensor, "is clipped to a norm that is not above 0; without clipping it is infinity");
  }
}

// Calls body(N, count) for the part of the parameters that can be taken 4 at a time, then for the rest of them.
template <class Body>
void for_parts(const State& state, std::int64_t count, const Body& body) {
  const auto aligned = [](const void* place, std::size_t bytes) {
    return reinterpret_cast<std::uintptr_t>(place) % bytes == 0;
  };
  constexpr int kEach = 4;
  const bool packed = aligned(state.gradient, 16) && aligned(state.master, 16) && aligned(state.moment1, 16) &&
                      aligned(state.moment2, 16) && aligned(state.copy, 8);
  const std::int64_t whole = packed ? count / kEach * kEach : 0;
  body(std::integral_constant<int, kEach>{}, state, whole);
  const State rest{
      state.gradient + whole, state.master + whole, state.moment1 == nullptr ? nullptr : state.moment1 + whole,
      state.moment2 == nullptr ? nullptr : state.moment2 + whole, state.copy == nullptr ? nullptr : state.copy + whole};
  body(std::integral_constant<int, 1>{}, rest, count - whole);
}

Bf16* copy_of(const Tensor& copy) { return copy.defined() ? data_of<Bf16>(copy) : nullptr; }

}  // namespace

void compute(const AdamW& op, CudaContext& context) {
  const std::int64_t count = op.master.count();
  check({&op.gradient, &op.master, &op.moment1, &op.moment2}, count, op.clip);
  auto* const factors = reinterpret_cast<Factors*>(context.scratch(sizeof(Factors)));
  const Settings by{op.learning_rate, op.beta1, op.beta2, op.epsilon, op.weight_decay, op.clip};
  launch(context, adamw_factors, 1, kWarp, by, data_of<float>(op.squared_norm), data_of<std::int32_t>(op.counter),
         factors);
  const State state{data_of<float>(op.gradient), data_of<float>(op.master), data_of<float>(op.moment1),
                    data_of<float>(op.moment2), copy_of(op.copy)};
  for_parts(state, count, [&](auto each, const State& part, std::int64_t size) {
    constexpr int kEach = decltype(each)::value;
    launch(context, adamw<kEach>, blocks_to_fill(context, size, kThreads * kEach), kThreads, part, factors, size);
  });
}

void compute(const Sgd& op, CudaContext& context) {
  const std::int64_t count = op.master.count();
  check({&op.gradient, &op.master}, count, op.clip);
  const State state{data_of<float>(op.gradient), data_of<float>(op.master), nullptr, nullptr, copy_of(op.copy)};
  for_parts(state, count, [&](auto each, const State& part, std::int64_t size) {
    constexpr int kEach = decltype(each)::value;
    launch(context, sgd<kEach>, blocks_to_fill(context, size, kThreads * kEach), kThreads, part, op.learning_rate,
           op.clip, data_of<float>(op.squared_norm), size);
  });
}

}  // namespace scalebench::cuda
