// Quantize: a block a row, which it reads twice: for the largest, and to round.
#include "kernels/cuda/compute.hpp"
#include "kernels/cuda/launch.cuh"
#include "kernels/cuda/numbers.cuh"

namespace scalebench::cuda {

namespace {

constexpr int kThreads = 256;

// A row with a NaN has it as its scale. N elements at a time.
template <class T, int N>
__global__ void quantize(Rows<const T> from, std::int8_t* payload, float* scales) {
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
  const float scale = largest == 0 ? 1.0F : largest / 127;
  if (threadIdx.x == 0) scales[row] = scale;
  each([&](std::int64_t i, const Pack<T, N>& pack) {
    Pack<std::int8_t, N> rounded;
    for (int j = 0; j < N; ++j) {
      const float parts = rintf(to_float(pack.at[j]) / scale);
      rounded.at[j] = static_cast<std::int8_t>(parts != parts ? 0 : static_cast<int>(parts));
    }
    *reinterpret_cast<Pack<std::int8_t, N>*>(payload + row * from.width + i) = rounded;
  });
}

}  // namespace

void compute(const Quantize& op, CudaContext& context) {
  need(op.payload.dtype() == DType::i8 && op.payload.contiguous() && op.payload.count() == op.from.count() &&
           op.scales.count() == op.from.rows(),
       op.payload, "cannot take the rows that are quantized");
  for_dtype(op.from, [&](auto type) {
    using T = decltype(type);
    constexpr int kCount = Pack<T>::kCount;
    const auto from = rows_of<const T>(op.from);
    auto* const payload = data_of<std::int8_t>(op.payload);
    const bool packed = packs(from) && reinterpret_cast<std::uintptr_t>(payload) % kCount == 0;
    launch(context, packed ? quantize<T, kCount> : quantize<T, 1>, static_cast<unsigned>(from.count), kThreads, from,
           payload, data_of<float>(op.scales));
  });
}

}  // namespace scalebench::cuda
