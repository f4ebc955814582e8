// Fill, Normal, Convert, Add, Advance: one pass over memory each.
#include <numbers>

#include "base/random.hpp"
#include "base/small_float.hpp"
#include "kernels/cuda/compute.hpp"
#include "kernels/cuda/launch.cuh"
#include "kernels/cuda/numbers.cuh"

namespace scalebench::cuda {

namespace {

constexpr int kThreads = 256;

// A view of at most four axes, the last fastest.
struct View {
  std::int64_t sizes[Tensor::kMaxRank], strides[Tensor::kMaxRank];
  __device__ std::int64_t offset(std::int64_t index) const {
    std::int64_t at = 0;
    for (int axis = Tensor::kMaxRank - 1; axis >= 0; --axis) {
      at += index % sizes[axis] * strides[axis];
      index /= sizes[axis];
    }
    return at;
  }
};

View view_of(const Tensor& tensor) {
  View view{};
  const int missing = Tensor::kMaxRank - tensor.rank();
  for (int axis = 0; axis < Tensor::kMaxRank; ++axis) {
    view.sizes[axis] = axis < missing ? 1 : tensor.dim(axis - missing);
    view.strides[axis] = axis < missing ? 0 : tensor.stride(axis - missing);
  }
  return view;
}

template <class T>
__global__ void fill(T* to, View view, std::int64_t count, T value) {
  for (std::int64_t i = global_thread(); i < count; i += global_threads()) to[view.offset(i)] = value;
}

template <class T>
__global__ void fill_packs(T* to, std::int64_t count, T value) {
  Pack<T> all;
  for (T& one : all.at) one = value;
  for (std::int64_t i = global_thread() * Pack<T>::kCount; i < count; i += global_threads() * Pack<T>::kCount)
    if (i + Pack<T>::kCount <= count)
      *reinterpret_cast<Pack<T>*>(to + i) = all;
    else
      for (std::int64_t j = i; j < count; ++j) to[j] = value;
}

template <class T>
void fill_all(const Fill& op, T value, CudaContext& context) {
  T* const to = data_of<T>(op.to);
  const std::int64_t count = op.to.count();
  if (op.to.contiguous() && reinterpret_cast<std::uintptr_t>(to) % sizeof(Pack<T>) == 0)
    launch(context, fill_packs<T>, blocks_to_fill(context, count, kThreads * Pack<T>::kCount), kThreads, to, count,
           value);
  else
    launch(context, fill<T>, blocks_to_fill(context, count, kThreads), kThreads, to, view_of(op.to), count, value);
}

// random_normal() of base/random.hpp.
template <class T>
__global__ void normal(T* to, std::int64_t count, double deviation, std::uint64_t key, std::uint64_t first,
                       std::int64_t width, std::int64_t pitch, std::int64_t skip) {
  for (std::int64_t i = global_thread(); i < count; i += global_threads()) {
    const std::int64_t at = i + skip;
    const std::int64_t place = width > 0 ? at / width * pitch + at % width : at;
    const std::uint64_t counter = first + static_cast<std::uint64_t>(place);
    const double radius = sqrt(-2.0 * log(1.0 - random_uniform(key, 2 * counter)));
    const double drawn = radius * cos(2.0 * std::numbers::pi * random_uniform(key, 2 * counter + 1));
    to[i] = from_float<T>(static_cast<float>(drawn * deviation));
  }
}

template <class To, class From>
__global__ void convert(To* to, const From* from, std::int64_t count) {
  for (std::int64_t i = global_thread(); i < count; i += global_threads()) to[i] = from_float<To>(to_float(from[i]));
}

// Eight elements at a time: one access of 16 bytes where they are bf16, two where they are fp32.
template <class To, class From>
__global__ void convert_packs(To* to, const From* from, std::int64_t count) {
  constexpr int kCount = 8;
  for (std::int64_t i = global_thread() * kCount; i < count; i += global_threads() * kCount) {
    if (i + kCount <= count) {
      const auto read = *reinterpret_cast<const Pack<From, kCount>*>(from + i);
      Pack<To, kCount> written;
      for (int j = 0; j < kCount; ++j) written.at[j] = from_float<To>(to_float(read.at[j]));
      *reinterpret_cast<Pack<To, kCount>*>(to + i) = written;
    } else {
      for (std::int64_t j = i; j < count; ++j) to[j] = from_float<To>(to_float(from[j]));
    }
  }
}

template <class T>
__global__ void add(const T* a, const T* b, T* sum, std::int64_t count, bool packed) {
  constexpr int kCount = Pack<T>::kCount;
  const std::int64_t each = packed ? kCount : 1;
  for (std::int64_t i = global_thread() * each; i < count; i += global_threads() * each) {
    if (packed && i + kCount <= count) {
      const auto x = *reinterpret_cast<const Pack<T>*>(a + i), y = *reinterpret_cast<const Pack<T>*>(b + i);
      Pack<T> z;
      for (int j = 0; j < kCount; ++j) z.at[j] = from_float<T>(to_float(x.at[j]) + to_float(y.at[j]));
      *reinterpret_cast<Pack<T>*>(sum + i) = z;
    } else {
      for (std::int64_t j = i; j < i + each && j < count; ++j) sum[j] = from_float<T>(to_float(a[j]) + to_float(b[j]));
    }
  }
}

__global__ void advance(std::int32_t* counter) {
  if (threadIdx.x == 0) ++*counter;
}

bool aligned(const void* place, std::size_t bytes) { return reinterpret_cast<std::uintptr_t>(place) % bytes == 0; }

}  // namespace

void compute(const Fill& op, CudaContext& context) {
  switch (op.to.dtype()) {
    case DType::f32:
      return fill_all(op, static_cast<float>(op.value), context);
    case DType::bf16:
      return fill_all(op, host_bf16(static_cast<float>(op.value)), context);
    case DType::f16:
      return fill_all(op, Half{code_of<kFp16>(static_cast<float>(op.value))}, context);
    case DType::i32:
      return fill_all(op, static_cast<std::int32_t>(op.value), context);
    case DType::i8:
      return fill_all(op, static_cast<std::int8_t>(op.value), context);
    case DType::e4m3:
      return fill_all(op, code_of<kE4m3>(static_cast<float>(op.value)), context);
    default:
      need(false, op.to, "is of a type that is not filled");
  }
}

void compute(const Normal& op, CudaContext& context) {
  const std::int64_t count = op.to.count();
  for_dtype(op.to, [&](auto type) {
    using T = decltype(type);
    launch(context, normal<T>, blocks_to_fill(context, count, kThreads), kThreads, data_of<T>(op.to), count,
           op.deviation, random_bits(op.seed, op.stream), op.first, op.width, op.pitch, op.skip);
  });
}

void compute(const Convert& op, CudaContext& context) {
  const std::int64_t count = op.to.count();
  for_dtype(op.to, [&](auto to_type) {
    for_dtype(op.from, [&](auto from_type) {
      using To = decltype(to_type);
      using From = decltype(from_type);
      To* const to = data_of<To>(op.to);
      const From* const from = data_of<From>(op.from);
      if (aligned(to, 8 * sizeof(To)) && aligned(from, 8 * sizeof(From)))
        launch(context, convert_packs<To, From>, blocks_to_fill(context, count, 8 * kThreads), kThreads, to, from,
               count);
      else
        launch(context, convert<To, From>, blocks_to_fill(context, count, kThreads), kThreads, to, from, count);
    });
  });
}

void compute(const Add& op, CudaContext& context) {
  const std::int64_t count = op.sum.count();
  for_dtype(op.sum, [&](auto type) {
    using T = decltype(type);
    const T *const a = data_of<T>(op.a), *const b = data_of<T>(op.b);
    T* const sum = data_of<T>(op.sum);
    constexpr std::size_t kBytes = sizeof(Pack<T>);
    const bool packed = aligned(a, kBytes) && aligned(b, kBytes) && aligned(sum, kBytes);
    launch(context, add<T>, blocks_to_fill(context, count, kThreads * (packed ? Pack<T>::kCount : 1)), kThreads, a, b,
           sum, count, packed);
  });
}

void compute(const Advance& op, CudaContext& context) {
  launch(context, advance, 1, kWarp, data_of<std::int32_t>(op.counter));
}

}  // namespace scalebench::cuda
