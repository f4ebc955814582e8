// Rows whose elements are all treated alike: blocks along x share out the columns, blocks along y the rows.
#pragma once

#include <algorithm>
#include <type_traits>

#include "kernels/cuda/launch.cuh"
#include "kernels/cuda/numbers.cuh"

namespace scalebench::cuda {

inline constexpr int kCellThreads = 128;

// Calls body(row, column) for every N-th column of the thread's share.
template <int N, class Body>
__device__ void for_cells(std::int64_t rows, std::int64_t width, const Body& body) {
  const std::int64_t column = global_thread() * N;
  if (column >= width) return;
  for (std::int64_t row = blockIdx.y; row < rows; row += gridDim.y) body(row, column);
}

inline dim3 cells(const CudaContext& context, std::int64_t rows, std::int64_t width, int each) {
  constexpr std::int64_t kWaves = 32, kMostBlocks = 65535;
  const unsigned across = blocks_for(width, std::int64_t{kCellThreads} * each);
  if (across == 0) return {0, 0};
  const std::int64_t down = std::max<std::int64_t>(kWaves * context.multiprocessors() / across, 1);
  return {across, static_cast<unsigned>(std::min({rows, down, kMostBlocks}))};
}

template <int N, class T>
__device__ Pack<T, N> load(const T* from) {
  return *reinterpret_cast<const Pack<T, N>*>(from);
}
template <int N, class T>
__device__ void store(T* to, const Pack<T, N>& values) {
  *reinterpret_cast<Pack<T, N>*>(to) = values;
}

// Whether all rows can be read and written N elements at a time.
template <int N, class T>
bool packs_by(const Rows<T>& rows) {
  return reinterpret_cast<std::uintptr_t>(rows.data) % (N * sizeof(T)) == 0 && rows.width % N == 0 &&
         (rows.pitch % N == 0 || rows.count <= 1);
}

// Calls body with std::integral_constant<int, N>: elements of T that a thread reads at a time, 1 where the rows don't
// allow more.
template <class T, class Body, class... All>
void for_packs(const Body& body, const All&... rows) {
  constexpr int kCount = Pack<T>::kCount;
  if ((packs_by<kCount>(rows) && ...)) return body(std::integral_constant<int, kCount>{});
  body(std::integral_constant<int, 1>{});
}

}  // namespace scalebench::cuda
