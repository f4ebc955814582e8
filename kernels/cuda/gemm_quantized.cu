// Products with weights of few bits. Few rows of `a`: the weights are read once and widened in registers, since reading
// them is what takes the time. Many: as many as fit scratch memory are widened to a's dtype, then multiplied as others.
#include "kernels/cuda/compute.hpp"
#include "kernels/cuda/few_rows.cuh"
#include "kernels/cuda/launch.cuh"
#include "kernels/cuda/numbers.cuh"
#include "kernels/cuda/payload.cuh"
#include "kernels/cuda/products.hpp"

namespace scalebench::cuda {

namespace {

constexpr int kThreads = 128, kWarps = kThreads / kWarp;
constexpr int kBytes = 16;                                       // of weights that a thread reads at once
constexpr std::int64_t kWidenedAtOnce = std::int64_t{32} << 20;  // elements

// 16 weights from `at` on; behind the end 0.
template <class W>
__device__ void read_weights(const W* row, std::int64_t at, std::int64_t k, bool packed, float (&to)[kBytes]) {
  widen(packed ? read_words<true>(row, at, k) : read_words<false>(row, at, k), to, W{});
}

template <class T>
__device__ void read_numbers(const T* row, std::int64_t at, std::int64_t k, bool packed, float (&to)[kBytes]) {
  constexpr int kCount = Pack<T>::kCount;
  if (packed && at + kBytes <= k) {
#pragma unroll
    for (int i = 0; i < kBytes; i += kCount) {
      const auto pack = *reinterpret_cast<const Pack<T>*>(row + at + i);
#pragma unroll
      for (int j = 0; j < kCount; ++j) to[i + j] = to_float(pack.at[j]);
    }
  } else {
#pragma unroll
    for (int i = 0; i < kBytes; ++i) to[i] = at + i < k ? to_float(row[at + i]) : 0.0F;
  }
}

// Without tensor cores, of rows that are not bf16: a block for R rows of weights and M of a; the order of a sum is the
// same for all R and M.
template <class W, class T, int M, int R>
__global__ void __launch_bounds__(kThreads, 1)
    multiply_plain(Rows<const T> a, const W* payload, const float* scales, Rows<T> c, bool packed, bool packed_a) {
  const std::int64_t first = static_cast<std::int64_t>(blockIdx.x) * R, n = c.width, k = a.width;
  const int thread = static_cast<int>(threadIdx.x), warp = thread / kWarp, lane = thread % kWarp;
  float sums[R][M] = {};
  for (std::int64_t at = static_cast<std::int64_t>(thread) * kBytes; at < k; at += kThreads * kBytes) {
    float weights[R][kBytes];
#pragma unroll
    for (int r = 0; r < R; ++r) read_weights(payload + min(first + r, n - 1) * k, at, k, packed, weights[r]);
#pragma unroll
    for (int m = 0; m < M; ++m) {
      float numbers[kBytes];
      read_numbers(a[min(static_cast<std::int64_t>(m), a.count - 1)], at, k, packed_a, numbers);
#pragma unroll
      for (int r = 0; r < R; ++r)
#pragma unroll
        for (int i = 0; i < kBytes; ++i) sums[r][m] = fmaf(numbers[i], weights[r][i], sums[r][m]);
    }
  }
  __shared__ float of_warp[kWarps][R][M];
#pragma unroll
  for (int r = 0; r < R; ++r)
#pragma unroll
    for (int m = 0; m < M; ++m) {
      const float sum = over_warp(sums[r][m]);
      if (lane == 0) of_warp[warp][r][m] = sum;
    }
  __syncthreads();
  const std::int64_t row = thread / R, column = first + thread % R;
  if (thread >= R * M || row >= c.count || column >= n) return;
  float sum = 0;
  for (int w = 0; w < kWarps; ++w) sum += of_warp[w][thread % R][row];
  c[row][column] = from_float<T>(sum * scales[column]);
}

template <class W>
bool packed_weights(const W* payload, std::int64_t k) {
  return reinterpret_cast<std::uintptr_t>(payload) % kBytes == 0 && k * sizeof(W) % kBytes == 0;
}

template <class W, class T, int M, int R>
void launch_plain(const GemmQuantized& op, CudaContext& context) {
  const auto a = rows_of<const T>(op.a);
  const auto c = rows_of<T>(op.c);
  const auto* const payload = data_of<W>(op.payload);
  launch(context, multiply_plain<W, T, M, R>, blocks_for(c.width, R), kThreads, a, payload, data_of<float>(op.scales),
         c, packed_weights(payload, a.width), packs(a));
}

template <class W, class T>
void multiply_few_rows(const GemmQuantized& op, CudaContext& context, T) {
  const std::int64_t m = op.a.rows();
  if (m <= 1) return launch_plain<W, T, 1, 4>(op, context);
  if (m <= 2) return launch_plain<W, T, 2, 4>(op, context);
  if (m <= 4) return launch_plain<W, T, 4, 4>(op, context);
  if (m <= 8) return launch_plain<W, T, 8, 4>(op, context);
  launch_plain<W, T, kFewRows, 2>(op, context);
}
template <class W>
void multiply_few_rows(const GemmQuantized& op, CudaContext& context, Bf16) {
  const FewRows<W, Bf16> few{rows_of<const Bf16>(op.a), rows_of<const W>(op.payload), data_of<float>(op.scales),
                             rows_of<Bf16>(op.c)};
  if (packed_weights(few.weights.data, few.a.width) && packs(few.a))
    launch_few<W, Bf16, true>(few, context);
  else
    launch_few<W, Bf16, false>(few, context);
}

// Rows of weights times their scales.
template <class T, class W>
__global__ void widen_rows(const W* payload, const float* scales, std::int64_t count, std::int64_t k, T* to,
                           bool packed) {
  constexpr int kCount = Pack<T>::kCount;
  for (std::int64_t at = global_thread() * kBytes; at < count; at += global_threads() * kBytes) {
    float wide[kBytes];
    read_weights(payload, at, count, packed, wide);
    if (packed) {
      const float scale = scales[at / k];
      for (int i = 0; i < kBytes; i += kCount) {
        Pack<T> pack;
        for (int j = 0; j < kCount; ++j) pack.at[j] = from_float<T>(wide[i + j] * scale);
        *reinterpret_cast<Pack<T>*>(to + at + i) = pack;
      }
    } else {
      for (int i = 0; i < kBytes && at + i < count; ++i) to[at + i] = from_float<T>(wide[i] * scales[(at + i) / k]);
    }
  }
}

template <class W, class T>
void multiply_many(const GemmQuantized& op, CudaContext& context) {
  const std::int64_t k = op.a.columns(), n = op.payload.rows();
  const std::int64_t most = std::min(n, std::max<std::int64_t>(kWidenedAtOnce / k / 256 * 256, 256));
  const std::size_t bytes = static_cast<std::size_t>(most * k) * sizeof(T);
  Storage scratch{.data = context.scratch(bytes), .bytes = bytes, .label = "widened"};
  for (std::int64_t first = 0; first < n; first += most) {
    const std::int64_t rows = std::min(most, n - first), shape[] = {rows, k};
    const auto* const payload = data_of<W>(op.payload) + first * k;
    launch(context, widen_rows<T, W>, blocks_to_fill(context, rows * k, kThreads * kBytes), kThreads, payload,
           data_of<float>(op.scales) + first, rows * k, k, reinterpret_cast<T*>(scratch.data),
           packed_weights(payload, k));
    const Tensor wide(scratch, op.a.dtype(), shape);
    context.products().multiply({.a = op.a, .b = wide.transposed(), .c = op.c.slice(1, first, rows)});
  }
}

}  // namespace

void compute(const GemmQuantized& op, CudaContext& context) {
  const bool known = op.payload.dtype() == DType::i8 || op.payload.dtype() == DType::e4m3;
  need(known && op.payload.contiguous() && op.a.columns() == op.payload.columns() &&
           op.scales.count() == op.payload.rows() && op.c.rows() == op.a.rows() &&
           op.c.columns() == op.payload.rows() && op.c.dtype() == op.a.dtype(),
       op.payload, "is not what these rows can be multiplied with");
  if (op.c.count() == 0) return;
  for_dtype(op.a, [&](auto type) {
    using T = decltype(type);
    const auto multiply = [&](auto weight) {
      using W = decltype(weight);
      if (op.a.rows() <= kFewRows)
        multiply_few_rows<W>(op, context, T{});
      else
        multiply_many<W, T>(op, context);
    };
    if (op.payload.dtype() == DType::i8) return multiply(std::int8_t{});
    multiply(E4m3{});
  });
}

}  // namespace scalebench::cuda
