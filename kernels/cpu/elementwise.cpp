// Fill, Normal, Convert, Add, Advance: one pass over memory each.
#include <array>

#include "base/random.hpp"
#include "base/small_float.hpp"
#include "kernels/cpu/compute.hpp"
#include "kernels/cpu/context.hpp"
#include "kernels/cpu/numbers.hpp"

namespace scalebench::cpu {

namespace {

// Calls body(pointer) for each run of the last axis.
template <class T, class Body>
void for_each_run(const Tensor& tensor, const Body& body) {
  std::array<std::int64_t, Tensor::kMaxRank> sizes{1, 1, 1, 1}, strides{};
  for (int axis = 0; axis + 1 < tensor.rank(); ++axis) {
    sizes[static_cast<std::size_t>(axis)] = tensor.dim(axis);
    strides[static_cast<std::size_t>(axis)] = tensor.stride(axis);
  }
  for (std::int64_t i = 0; i < sizes[0]; ++i)
    for (std::int64_t j = 0; j < sizes[1]; ++j)
      for (std::int64_t k = 0; k < sizes[2]; ++k)
        body(data_of<T>(tensor) + i * strides[0] + j * strides[1] + k * strides[2]);
}

template <class T>
void fill(const Tensor& to, T value, const CpuContext& context) {
  if (to.contiguous()) {
    T* const data = data_of<T>(to);
    context.split(to.count(), kGrain,
                  [=](std::int64_t begin, std::int64_t end, int) { std::fill(data + begin, data + end, value); });
    return;
  }
  const std::int64_t length = to.dim(to.rank() - 1), stride = to.stride(to.rank() - 1);
  for_each_run<T>(to, [=](T* run) {
    for (std::int64_t i = 0; i < length; ++i) run[i * stride] = value;
  });
}

// Vector code and the code of a loop's last elements may differ in the last bit. So that a number depends on its
// counter alone, they are always drawn in whole blocks that begin at multiples of the block.
constexpr std::int64_t kDraws = 64;

// random_normal() of base/random.hpp, in a form that the compiler can vectorise.
void draw(std::uint64_t key, std::uint64_t first, std::array<double, kDraws>& normal) {
#pragma omp simd
  for (std::size_t i = 0; i < kDraws; ++i) {
    const double radius = std::sqrt(-2.0 * log_of(1.0 - random_uniform(key, 2 * (first + i))));
    const double turn = random_uniform(key, 2 * (first + i) + 1);
    normal[i] = radius * cosine_of(turn > 0.5 ? turn - 1 : turn);
  }
}

// Elements [begin, end), which are drawn from counters that follow each other, the first from `counter`.
template <class T>
void draw_normal(const Normal& op, std::int64_t begin, std::int64_t end, std::uint64_t counter) {
  const std::uint64_t key = random_bits(op.seed, op.stream);
  T* const to = data_of<T>(op.to);
  std::array<double, kDraws> normal;
  while (begin < end) {
    const auto skip = static_cast<std::int64_t>(counter % kDraws);
    draw(key, counter - static_cast<std::uint64_t>(skip), normal);
    const std::int64_t count = std::min(kDraws - skip, end - begin);
    for (std::int64_t i = 0; i < count; ++i)
      to[begin + i] = from_float<T>(static_cast<float>(normal[static_cast<std::size_t>(skip + i)] * op.deviation));
    begin += count;
    counter += static_cast<std::uint64_t>(count);
  }
}

template <class T>
void draw_rows(const Normal& op, std::int64_t begin, std::int64_t end) {
  while (begin < end) {
    const std::int64_t at = begin + op.skip, row = op.width > 0 ? at / op.width : 0, column = at - row * op.width;
    const std::int64_t stop = op.width > 0 ? std::min(end, begin + op.width - column) : end;
    draw_normal<T>(op, begin, stop, op.first + static_cast<std::uint64_t>(row * op.pitch + column));
    begin = stop;
  }
}

}  // namespace

void compute(const Fill& op, CpuContext& context) {
  if (op.to.dtype() == DType::i32) return fill(op.to, static_cast<std::int32_t>(op.value), context);
  if (op.to.dtype() == DType::e4m3) return fill(op.to, code_of<kE4m3>(static_cast<float>(op.value)), context);
  for_dtype(op.to, [&]<class T>(T) { fill(op.to, from_float<T>(static_cast<float>(op.value)), context); });
}

void compute(const Normal& op, CpuContext& context) {
  ensure(op.to.contiguous(), "normal to {}, which is not contiguous", to_string(op.to));
  for_dtype(op.to, [&]<class T>(T) {
    context.split(op.to.count(), kGrain / 16,
                  [&](std::int64_t begin, std::int64_t end, int) { draw_rows<T>(op, begin, end); });
  });
}

void compute(const Convert& op, CpuContext& context) {
  ensure(op.from.contiguous() && op.to.contiguous() && op.from.count() == op.to.count(),
         "convert of {} to {}: both must be contiguous and of one size", to_string(op.from), to_string(op.to));
  for_dtype(op.from, [&]<class From>(From) {
    for_dtype(op.to, [&]<class To>(To) {
      const From* const from = data_of<From>(op.from);
      To* const to = data_of<To>(op.to);
      context.split(op.to.count(), kGrain, [=](std::int64_t begin, std::int64_t end, int) {
#pragma omp simd
        for (std::int64_t i = begin; i < end; ++i) to[i] = from_float<To>(to_float(from[i]));
      });
    });
  });
}

void compute(const Add& op, CpuContext& context) {
  for (const Tensor& part : {op.a, op.b, op.sum})
    ensure(part.contiguous() && part.count() == op.sum.count() && part.dtype() == op.sum.dtype(),
           "add of {} and {} to {}: all must be alike", to_string(op.a), to_string(op.b), to_string(op.sum));
  for_dtype(op.sum, [&]<class T>(T) {
    const T *const a = data_of<T>(op.a), *const b = data_of<T>(op.b);
    T* const sum = data_of<T>(op.sum);
    context.split(op.sum.count(), kGrain, [=](std::int64_t begin, std::int64_t end, int) {
#pragma omp simd
      for (std::int64_t i = begin; i < end; ++i) sum[i] = from_float<T>(to_float(a[i]) + to_float(b[i]));
    });
  });
}

void compute(const Advance& op, CpuContext&) { ++*data_of<std::int32_t>(op.counter); }

}  // namespace scalebench::cpu
