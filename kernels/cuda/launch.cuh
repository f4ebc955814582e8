// How kernels are started, and what threads of a block do together.
#pragma once

#include <algorithm>
#include <cstdint>

#include <cuda_runtime.h>

#include "base/cuda/check.hpp"
#include "kernels/cuda/context.hpp"

namespace scalebench::cuda {

inline constexpr int kWarp = 32;
inline constexpr unsigned kAllLanes = 0xFFFFFFFFU;

// Starts `blocks` blocks of `threads` threads (a multiple of 32) on the stream of the context; nothing where there are
// no blocks. With `shared_bytes` of dynamic_shared() for each block.
template <class... Parameters, class... Arguments>
void launch_with(CudaContext& context, std::size_t shared_bytes, void (*kernel)(Parameters...), dim3 blocks,
                 int threads, Arguments... arguments) {
  if (blocks.x == 0 || blocks.y == 0 || blocks.z == 0) return;
  constexpr std::size_t kWithoutAsking = 48 * 1024;
  if (shared_bytes > kWithoutAsking)
    check_cuda(cudaFuncSetAttribute(reinterpret_cast<const void*>(kernel), cudaFuncAttributeMaxDynamicSharedMemorySize,
                                    static_cast<int>(shared_bytes)),
               "cudaFuncSetAttribute");
  cudaLaunchConfig_t config{};
  config.gridDim = blocks;
  config.blockDim = dim3(static_cast<unsigned>(threads));
  config.dynamicSmemBytes = shared_bytes;
  config.stream = context.stream();
  check_cuda(cudaLaunchKernelEx(&config, kernel, static_cast<Parameters>(arguments)...), "cudaLaunchKernelEx");
}
template <class... Parameters, class... Arguments>
void launch(CudaContext& context, void (*kernel)(Parameters...), dim3 blocks, int threads, Arguments... arguments) {
  launch_with(context, 0, kernel, blocks, threads, arguments...);
}

// The block's shared memory whose size is given at the launch.
template <class T>
__device__ T& dynamic_shared() {
#ifdef __CUDACC__
  extern __shared__ uint4 all[];
  return *reinterpret_cast<T*>(all);
#else
  return *static_cast<T*>(shim::dynamic_shared(sizeof(T)));
#endif
}

inline unsigned blocks_for(std::int64_t count, std::int64_t each) {
  return static_cast<unsigned>((count + each - 1) / each);
}

// Blocks for `count` pieces of work of `each` a block, at most so many that they fill the GPU some times over: the
// kernel walks over the rest in steps of its grid.
inline unsigned blocks_to_fill(const CudaContext& context, std::int64_t count, std::int64_t each) {
  constexpr std::int64_t kWaves = 16;
  return static_cast<unsigned>(std::min((count + each - 1) / each, kWaves * context.multiprocessors()));
}

__device__ inline std::int64_t global_thread() {
  return static_cast<std::int64_t>(blockIdx.x) * blockDim.x + threadIdx.x;
}
__device__ inline std::int64_t global_threads() { return static_cast<std::int64_t>(gridDim.x) * blockDim.x; }

struct Sum {
  template <class T>
  __device__ T operator()(T a, T b) const {
    return a + b;
  }
};
// A NaN wins, so that it shows.
struct Maximum {
  __device__ float operator()(float a, float b) const { return a > b || a != a ? a : b; }
};

// Over the threads of a warp, of a block: the result on all of them. All threads must come here.
template <class T, class Combine = Sum>
__device__ T over_warp(T value, Combine combine = {}) {
  for (int offset = kWarp / 2; offset > 0; offset /= 2)
    value = combine(value, __shfl_xor_sync(kAllLanes, value, offset));
  return value;
}
template <class T, class Combine = Sum>
__device__ T over_block(T value, Combine combine = {}) {
  __shared__ T of_warp[32];
  const int warp = static_cast<int>(threadIdx.x) / kWarp, lane = static_cast<int>(threadIdx.x) % kWarp;
  const int warps = static_cast<int>(blockDim.x) / kWarp;
  value = over_warp(value, combine);
  if (lane == 0) of_warp[warp] = value;
  __syncthreads();
  // Every warp does the same, in the same order: the same bits everywhere.
  T all = of_warp[0];
  for (int i = 1; i < warps; ++i) all = combine(all, of_warp[i]);
  __syncthreads();  // before of_warp is written anew
  return all;
}

}  // namespace scalebench::cuda
