// AdamW and Sgd: one pass over the state, 30 bytes a parameter with a copy, 10 for Sgd.
#include "kernels/cuda/cells.cuh"
#include "kernels/cuda/compute.hpp"
#include "kernels/cuda/moments.cuh"

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

__device__ bool is_finite(float x) { return fabsf(x) < INFINITY; }

// Of the whole gradient; the second is null where the loss is not scaled.
struct Norm {
  const float *squared, *inverse_scale;
  // A step whose scaled gradients overflowed changes nothing.
  __device__ bool skipped() const { return inverse_scale != nullptr && !is_finite(*squared); }
};

// Of torch.nn.utils.clip_grad_norm_.
__device__ double clip_factor(double clip, float squared_norm) {
  const double factor = clip / (sqrt(static_cast<double>(squared_norm)) + 1e-6);
  return factor > 1 ? 1 : factor;  // NaN stays NaN
}
// What gradients are multiplied by.
__device__ double gradient_factor(double clip, const Norm& norm) {
  const double factor = clip_factor(clip, *norm.squared);
  return norm.inverse_scale == nullptr ? factor : factor * static_cast<double>(*norm.inverse_scale);
}

__global__ void adamw_factors(Settings by, Norm norm, const std::int32_t* counter, Factors* to) {
  if (threadIdx.x != 0) return;
  const double step = *counter;
  to->clip = static_cast<float>(gradient_factor(by.clip, norm));
  to->beta1 = static_cast<float>(by.beta1);
  to->beta2 = static_cast<float>(by.beta2);
  to->decay = static_cast<float>(1 - by.learning_rate * by.weight_decay);
  to->rate = static_cast<float>(by.learning_rate / (1 - pow(by.beta1, step)));
  to->root = static_cast<float>(1 / sqrt(1 - pow(by.beta2, step)));
  to->epsilon = static_cast<float>(by.epsilon);
}

// What one launch updates: as many pieces as kernel parameters (4 KB) have room for.
struct Pieces {
  static constexpr int kMost = 32;
  int count = 0;
  bool half = false;  // what copies are: fp16 or bf16
  std::int64_t blocks = 0;
  Piece at[kMost];
  __device__ const Piece& of_block(std::int64_t block) const {
    int low = 0, high = count;
    while (high - low > 1) {
      const int middle = (low + high) / 2;
      (at[middle].first_block <= block ? low : high) = middle;
    }
    return at[low];
  }
};

// A block of elements to a warp.
template <class Moment, int N>
__global__ void __launch_bounds__(kThreads) adamw(const __grid_constant__ Pieces pieces, const Factors* factors,
                                                  Norm norm, std::uint64_t seed, const std::int32_t* counter) {
  if (norm.skipped()) return;
  const Factors by = *factors;
  const std::int32_t step = *counter;
  const float rest1 = 1.0F - by.beta1, rest2 = 1.0F - by.beta2;
  const int lane = static_cast<int>(threadIdx.x) % kWarp;
  for (std::int64_t at = global_thread() / kWarp; at < pieces.blocks; at += global_threads() / kWarp) {
    const Piece& piece = pieces.of_block(at);
    const MomentBlock block{piece, at - piece.first_block, lane};
    float gradients[kElements], masters[kElements], firsts[kElements], seconds[kElements];
    load_block<N>(block, piece.gradient, gradients);
    load_block<N>(block, piece.master, masters);
    load_moments<Moment, N>(block, firsts, seconds);
    // Products that are added are fused with the addition, here as on a CPU, so that moments have the same bits.
    for (int i = 0; i < kElements; ++i) {
      const float gradient = gradients[i] * by.clip;
      const float first = fmaf(by.beta1, firsts[i], rest1 * gradient);
      const float second = fmaf(by.beta2, seconds[i], rest2 * gradient * gradient);
      firsts[i] = first;
      seconds[i] = second;
      masters[i] = fmaf(masters[i], by.decay, -(by.rate * first / fmaf(sqrtf(second), by.root, by.epsilon)));
    }
    store_moments<Moment, N>(block, seed, step, firsts, seconds);
    store_block<N>(block, piece.master, [&](int i) { return masters[i]; });
    if (piece.copy == nullptr) continue;
    if (pieces.half)
      store_block<N>(block, static_cast<Half*>(piece.copy), [&](int i) { return from_float<Half>(masters[i]); });
    else
      store_block<N>(block, static_cast<Bf16*>(piece.copy), [&](int i) { return from_float<Bf16>(masters[i]); });
  }
}

struct State {
  const float* gradient;
  float* master;
};

template <int N, class Copy>
__global__ void sgd(State state, Copy* copy, double learning_rate, double clip, Norm norm, std::int64_t count) {
  if (norm.skipped()) return;
  const auto rate = static_cast<float>(learning_rate * gradient_factor(clip, norm));
  for (std::int64_t i = global_thread() * N; i < count; i += global_threads() * N) {
    const auto gradients = load<N>(state.gradient + i);
    auto masters = load<N>(state.master + i);
    Pack<Copy, N> rounded;
    for (int j = 0; j < N; ++j) {
      masters.at[j] -= rate * gradients.at[j];
      rounded.at[j] = from_float<Copy>(masters.at[j]);
    }
    store(state.master + i, masters);
    if (copy != nullptr) store(copy + i, rounded);
  }
}

void check(std::initializer_list<const Tensor*> tensors, std::int64_t count, double clip) {
  for (const Tensor* tensor : tensors) {
    need(tensor->contiguous() && tensor->dtype() == DType::f32 && tensor->count() == count, *tensor,
         "is no state of an optimizer");
    need(clip > 0, *tensor, "is clipped to a norm that is not above 0; without clipping it is infinity");
  }
}

void check_moments(const AdamW& op) {
  const std::int64_t count = op.master.count();
  const DType dtype = op.moment1.dtype();
  for (const Tensor* moment : {&op.moment1, &op.moment2})
    need(moment->contiguous() && moment->dtype() == dtype && moment->count() == count, *moment,
         "is no moment of the state");
  if (dtype == DType::e4m3)
    for (const Tensor* scale : {&op.scale1, &op.scale2})
      need(scale->defined() && scale->dtype() == DType::f32 &&
               scale->count() == (count + kMomentBlock - 1) / kMomentBlock,
           op.moment1, "has no scale for each of its blocks");
  if (dtype == DType::bf16)
    need(!op.numbers.empty() && op.numbers.front().begin <= op.offset &&
             op.numbers.back().begin + op.numbers.back().count >= op.offset + count,
         op.moment1, "has elements without numbers");
}

// Calls body(N, state, copy, count) for the part of the parameters that can be taken 4 at a time, then for the rest of
// them.
template <class Copy, class Body>
void for_parts(const State& state, Copy* copy, std::int64_t count, const Body& body) {
  const auto aligned = [](const void* place, std::size_t bytes) {
    return reinterpret_cast<std::uintptr_t>(place) % bytes == 0;
  };
  constexpr int kEach = 4;
  const bool packed = aligned(state.gradient, 16) && aligned(state.master, 16) && aligned(copy, 8);
  const std::int64_t whole = packed ? count / kEach * kEach : 0;
  body(std::integral_constant<int, kEach>{}, state, copy, whole);
  const auto behind = [=](auto* first) { return first == nullptr ? nullptr : first + whole; };
  const State rest{state.gradient + whole, state.master + whole};
  body(std::integral_constant<int, 1>{}, rest, behind(copy), count - whole);
}

// Calls body(the copy), null where there is none.
template <class Body>
void with_copy(const Tensor& copy, const Body& body) {
  if (copy.defined() && copy.dtype() == DType::f16) return body(data_of<Half>(copy));
  body(copy.defined() ? data_of<Bf16>(copy) : nullptr);
}

Norm norm_of(const auto& op) {
  return {data_of<float>(op.squared_norm), op.inverse_scale.defined() ? data_of<float>(op.inverse_scale) : nullptr};
}

// The part of an operation that begins at one of its elements and has one numbering.
Piece piece_of(const AdamW& op, std::int64_t begin, std::int64_t count, const ElementRun& run) {
  const auto from = [begin](const Tensor& tensor, std::size_t bytes) -> void* {
    return tensor.defined() ? tensor.address() + static_cast<std::size_t>(begin) * bytes : nullptr;
  };
  const std::size_t moment = size_of(op.moment1.dtype());
  const bool scaled = op.scale1.defined();
  return {.gradient = data_of<float>(op.gradient) + begin,
          .master = data_of<float>(op.master) + begin,
          .copy = from(op.copy, sizeof(Bf16)),
          .moment1 = from(op.moment1, moment),
          .moment2 = from(op.moment2, moment),
          .scale1 = scaled ? data_of<float>(op.scale1) + begin / kMomentBlock : nullptr,
          .scale2 = scaled ? data_of<float>(op.scale2) + begin / kMomentBlock : nullptr,
          .count = count,
          .first_block = 0,
          .stream = run.stream,
          .first = run.first,
          .width = run.width,
          .pitch = run.pitch,
          .skip = run.skip + op.offset + begin - run.begin};
}

bool packed_by(const Piece& piece, std::size_t n, std::size_t moment) {
  const auto aligned = [](const void* place, std::size_t bytes) {
    return reinterpret_cast<std::uintptr_t>(place) % bytes == 0;
  };
  return aligned(piece.gradient, 4 * n) && aligned(piece.master, 4 * n) && aligned(piece.copy, 2 * n) &&
         aligned(piece.moment1, moment * n) && aligned(piece.moment2, moment * n);
}

// Gathers pieces and starts a kernel whenever there are as many as one takes.
template <class Moment>
class Launcher {
 public:
  Launcher(const AdamW& op, const Factors* factors, CudaContext& context)
      : half_(op.copy.defined() && op.copy.dtype() == DType::f16),
        seed_(op.seed),
        norm_(norm_of(op)),
        counter_(data_of<std::int32_t>(op.counter)),
        factors_(factors),
        context_(context) {}
  void add(Piece piece) {
    piece.first_block = pieces_.blocks;
    pieces_.blocks += (piece.count + kMomentBlock - 1) / kMomentBlock;
    packed_ = packed_ && packed_by(piece, kPacked, sizeof(Moment));
    pieces_.half = half_;
    pieces_.at[pieces_.count++] = piece;
    if (pieces_.count == Pieces::kMost) flush();
  }
  void flush() {
    constexpr std::int64_t kWarps = kThreads / kWarp;
    const unsigned blocks = blocks_to_fill(context_, pieces_.blocks, kWarps);
    launch(context_, packed_ ? adamw<Moment, kPacked> : adamw<Moment, 1>, blocks, kThreads, pieces_, factors_, norm_,
           seed_, counter_);
    pieces_ = {};
    packed_ = true;
  }

 private:
  static constexpr int kPacked = 4;
  bool half_;
  std::uint64_t seed_;
  Norm norm_;
  const std::int32_t* counter_;
  const Factors* factors_;
  CudaContext& context_;
  Pieces pieces_{};
  bool packed_ = true;
};

template <class Moment>
void add_pieces(const AdamW& op, Launcher<Moment>& launcher) {
  const std::int64_t count = op.master.count();
  if (op.moment1.dtype() != DType::bf16) return launcher.add(piece_of(op, 0, count, {}));
  for (const ElementRun& run : op.numbers) {
    const std::int64_t begin = std::max<std::int64_t>(run.begin - op.offset, 0);
    const std::int64_t end = std::min(run.begin + run.count - op.offset, count);
    if (begin < end) launcher.add(piece_of(op, begin, end - begin, run));
  }
}

// Calls body(T{}) for the type of the moments.
template <class Body>
void for_moments(const AdamW& op, const Body& body) {
  if (op.moment1.dtype() == DType::e4m3) return body(E4m3{});
  if (op.moment1.dtype() == DType::bf16) return body(Bf16{});
  need(op.moment1.dtype() == DType::f32, op.moment1, "is no moment of AdamW");
  body(float{});
}

void update(std::span<const AdamW> updates, CudaContext& context) {
  if (updates.empty()) return;
  const AdamW& first = updates.front();
  for (const AdamW& op : updates) {
    check({&op.gradient, &op.master}, op.master.count(), op.clip);
    check_moments(op);
    need(op.moment1.dtype() == first.moment1.dtype(), op.moment1, "is updated beside moments of another type");
  }
  auto* const factors = reinterpret_cast<Factors*>(context.scratch(sizeof(Factors)));
  const Settings by{first.learning_rate, first.beta1, first.beta2, first.epsilon, first.weight_decay, first.clip};
  launch(context, adamw_factors, 1, kWarp, by, norm_of(first), data_of<std::int32_t>(first.counter), factors);
  for_moments(first, [&](auto moment) {
    Launcher<decltype(moment)> launcher(first, factors, context);
    for (const AdamW& op : updates) add_pieces(op, launcher);
    launcher.flush();
  });
}

}  // namespace

void compute(const AdamW& op, CudaContext& context) { update({&op, 1}, context); }
void compute(const MultiAdamW& op, CudaContext& context) { update(op.updates, context); }

void compute(const Sgd& op, CudaContext& context) {
  const std::int64_t count = op.master.count();
  check({&op.gradient, &op.master}, count, op.clip);
  const State state{data_of<float>(op.gradient), data_of<float>(op.master)};
  with_copy(op.copy, [&]<class Copy>(Copy* all) {
    for_parts(state, all, count, [&](auto each, const State& part, Copy* copy, std::int64_t size) {
      constexpr int kEach = decltype(each)::value;
      launch(context, sgd<kEach, Copy>, blocks_to_fill(context, size, kThreads * kEach), kThreads, part, copy,
             op.learning_rate, op.clip, norm_of(op), size);
    });
  });
}

}  // namespace scalebench::cuda
