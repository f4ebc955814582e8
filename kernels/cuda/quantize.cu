// Quantize: a block a row, which it reads twice: for the largest, and to round.
#include "base/small_float.hpp"
#include "kernels/cuda/compute.hpp"
#include "kernels/cuda/launch.cuh"
#include "kernels/cuda/numbers.cuh"
#include "kernels/cuda/payload.cuh"

namespace scalebench::cuda {

namespace {

constexpr int kThreads = 256;

constexpr float top_of(std::int8_t) { return 127; }
constexpr float top_of(E4m3) { return 448; }

__device__ inline void store_parts(float parts, std::int8_t& to) {
  const float rounded = rintf(parts);
  to = static_cast<std::int8_t>(rounded != rounded ? 0 : static_cast<int>(rounded));
}
__device__ inline void store_parts(float parts, E4m3& to) { to.bits = code_of<kE4m3>(parts); }

// A row with a NaN has it as its scale. N elements at a time.
template <class W, class T, int N>
__global__ void quantize(Rows<const T> from, W* payload, float* scales) {
  const std::int64_t row = blockIdx.x;
  const auto each = [&](const auto& body) {
    for (std::int64_t i = static_cast<std::int64_t>(threadIdx.x) * N; i < from.width; i += std::int64_t{kThreads} * N)
      body(i, *reinterpret_cast<const Pack<T, N>*>(from[row] + i));
  };
  float largest = 0;
  each([&](std::int64_t, const Pack<T, N>& pack) {
    for (const T x : pack.at) largest = Maximum{}(fabsf(to_float(x)), largest);
  });
  largest = over_block(largest, Maximum{});
  const float scale = largest == 0 ? 1.0F : largest / top_of(W{});
  if (threadIdx.x == 0) scales[row] = scale;
  each([&](std::int64_t i, const Pack<T, N>& pack) {
    Pack<W, N> rounded;
    for (int j = 0; j < N; ++j) store_parts(to_float(pack.at[j]) / scale, rounded.at[j]);
    *reinterpret_cast<Pack<W, N>*>(payload + row * from.width + i) = rounded;
  });
}

}  // namespace

void compute(const Quantize& op, CudaContext& context) {
  const bool known = op.payload.dtype() == DType::i8 || op.payload.dtype() == DType::e4m3;
  need(known && op.payload.contiguous() && op.payload.count() == op.from.count() && op.scales.count() == op.from.rows(),
       op.payload, "cannot take the rows that are quantized");
  for_dtype(op.from, [&](auto type) {
    using T = decltype(type);
    constexpr int kCount = Pack<T>::kCount;
    const auto from = rows_of<const T>(op.from);
    const auto round_to = [&](auto weight) {
      using W = decltype(weight);
      auto* const payload = data_of<W>(op.payload);
      const bool packed = packs(from) && reinterpret_cast<std::uintptr_t>(payload) % kCount == 0;
      launch(context, packed ? quantize<W, T, kCount> : quantize<W, T, 1>, static_cast<unsigned>(from.count), kThreads,
             from, payload, data_of<float>(op.scales));
    };
    if (op.payload.dtype() == DType::i8) return round_to(std::int8_t{});
    round_to(E4m3{});
  });
}

}  // namespace scalebench::cuda
