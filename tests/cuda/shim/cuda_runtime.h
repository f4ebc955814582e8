// A stand-in for CUDA's header: the same sources of kernels/cuda, compiled by the host's compiler, run on the CPU.
//
// Memory is the host's; streams do their work when it is issued, but what must wait for other ranks; the threads of a
// block are fibers, one after another, that change places at barriers and shuffles. Blocks come one after another, too.
// What threads of one block must wait for but don't, shows where their order is turned round
// (SCALEBENCH_SHIM_ORDER=reverse). Divergent barriers, shuffles from lanes that take no part, and misaligned packs are
// errors.
#pragma once

#include <atomic>
#include <bit>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <memory>
#include <stdexcept>
#include <tuple>
#include <type_traits>
#include <utility>

#define __global__
#define __device__
#define __host__
#define __forceinline__ inline
#define __grid_constant__
#define __launch_bounds__(...)
#define __restrict__ __restrict
#define __shared__ static  // blocks come one after another, all on one thread of the system

struct dim3 {
  unsigned x = 1, y = 1, z = 1;
  constexpr dim3(unsigned x_ = 1, unsigned y_ = 1, unsigned z_ = 1) : x(x_), y(y_), z(z_) {}
};
inline dim3 threadIdx, blockIdx, blockDim, gridDim;

using cudaStream_t = struct ShimStream*;
using cudaEvent_t = struct ShimEvent*;

namespace scalebench::shim {

// Whether work that has begun is done: asked again and again. Empty: it is.
using Pending = std::function<bool()>;
// Begins the work when all is done that the stream was given before: now, where there is nothing; else while the host
// asks for a stream or an event, or gives more work. Where a graph is being captured it is kept for that instead.
void issue(cudaStream_t stream, std::function<Pending()> begin);
template <class Work>
requires std::is_void_v<std::invoke_result_t<Work>>
void issue(cudaStream_t stream, Work work) {
  issue(stream, std::function<Pending()>([work = std::move(work)] { return work(), Pending(); }));
}
// Runs body() for every thread of every block.
void run_grid(dim3 blocks, dim3 threads, const std::function<void()>& body);
// Of the running thread: waits for all threads of the block, or for those of its warp that `mask` names.
void wait_for_block();
void wait_for_warp(unsigned mask);
// What lane `from` of the warp gives, all lanes of `mask` taking part.
std::uint64_t exchange(unsigned mask, std::uint64_t mine, unsigned from);
unsigned lane();

// Of the running block, as large as its launch said; not kept from block to block.
struct DynamicShared {
  std::size_t bytes = 0;
  alignas(16) std::byte data[227 * 1024] = {};
};
inline DynamicShared dynamic;
inline void* dynamic_shared(std::size_t bytes) {
  if (bytes > dynamic.bytes) throw std::logic_error("more shared memory than the launch gave");
  return dynamic.data;
}

template <class T>
T shuffle(unsigned mask, T value, unsigned from) {
  static_assert(sizeof(T) <= 8);
  std::uint64_t bits = 0;
  std::memcpy(&bits, &value, sizeof(T));
  bits = exchange(mask, bits, from);
  std::memcpy(&value, &bits, sizeof(T));
  return value;
}

}  // namespace scalebench::shim

// ---- What kernels call

inline void __syncthreads() { scalebench::shim::wait_for_block(); }
inline void __syncwarp(unsigned mask = 0xFFFFFFFFU) { scalebench::shim::wait_for_warp(mask); }
template <class T>
T __shfl_sync(unsigned mask, T value, int from, int width = 32) {
  const unsigned lane = scalebench::shim::lane(), w = static_cast<unsigned>(width);
  return scalebench::shim::shuffle(mask, value, lane / w * w + static_cast<unsigned>(from) % w);
}
template <class T>
T __shfl_xor_sync(unsigned mask, T value, int with, int = 32) {
  return scalebench::shim::shuffle(mask, value, scalebench::shim::lane() ^ static_cast<unsigned>(with));
}
template <class T>
T __shfl_down_sync(unsigned mask, T value, unsigned by, int width = 32) {
  const unsigned lane = scalebench::shim::lane(), w = static_cast<unsigned>(width);
  return scalebench::shim::shuffle(mask, value, lane % w + by < w ? lane + by : lane);
}
template <class T>
T __shfl_up_sync(unsigned mask, T value, unsigned by, int width = 32) {
  const unsigned lane = scalebench::shim::lane(), w = static_cast<unsigned>(width);
  return scalebench::shim::shuffle(mask, value, lane % w >= by ? lane - by : lane);
}
inline unsigned __ballot_sync(unsigned mask, bool vote) {
  unsigned votes = 0;
  for (unsigned from = 0; from < 32; ++from)
    if ((mask >> from & 1U) != 0 && scalebench::shim::exchange(mask, vote ? 1 : 0, from) != 0) votes |= 1U << from;
  return votes;
}
inline int __any_sync(unsigned mask, bool vote) { return __ballot_sync(mask, vote) != 0 ? 1 : 0; }
// Byte i of the result: the one of x (0 to 3) and y (4 to 7) that digit i of `select` names.
inline unsigned __byte_perm(unsigned x, unsigned y, unsigned select) {
  const std::uint64_t bytes = std::uint64_t{y} << 32 | x;
  unsigned chosen = 0;
  for (unsigned i = 0; i < 4; ++i)
    chosen |= static_cast<unsigned>(bytes >> 8 * (select >> 4 * i & 7U) & 0xFFU) << 8 * i;
  return chosen;
}
inline int __popc(unsigned x) { return std::popcount(x); }
inline int __ffs(int x) { return x == 0 ? 0 : std::countr_zero(static_cast<unsigned>(x)) + 1; }
inline int __clz(int x) { return std::countl_zero(static_cast<unsigned>(x)); }

template <class T>
T atomicAdd(T* place, T value) {
  return std::exchange(*place, static_cast<T>(*place + value));
}
template <class T>
T atomicMax(T* place, T value) {
  return std::exchange(*place, *place < value ? value : *place);
}
template <class T>
T atomicMin(T* place, T value) {
  return std::exchange(*place, value < *place ? value : *place);
}
// Counts to `most`, then from 0 again.
inline unsigned atomicInc(unsigned* place, unsigned most) {
  return std::exchange(*place, *place >= most ? 0 : *place + 1);
}
inline void __threadfence() {}
template <class T>
T __ldcg(const T* place) {
  return *place;
}

inline float __uint_as_float(unsigned bits) { return std::bit_cast<float>(bits); }
inline unsigned __float_as_uint(float x) { return std::bit_cast<unsigned>(x); }
inline float rsqrtf(float x) { return 1.0F / std::sqrt(x); }
inline void sincospif(float x, float* sine, float* cosine) {
  *sine = static_cast<float>(std::sin(3.14159265358979323846 * x)),
  *cosine = static_cast<float>(std::cos(3.14159265358979323846 * x));
}
inline float __expf(float x) { return std::exp(x); }
inline float __fdividef(float a, float b) { return a / b; }
inline float fdividef(float a, float b) { return a / b; }
using std::max, std::min;

struct float2 {
  float x, y;
};
struct alignas(16) float4 {
  float x, y, z, w;
};

// ---- What the host calls

enum cudaError_t { cudaSuccess, cudaErrorInvalidValue, cudaErrorMemoryAllocation, cudaErrorNotReady, cudaErrorUnknown };
enum cudaMemcpyKind { cudaMemcpyHostToDevice, cudaMemcpyDeviceToHost, cudaMemcpyDeviceToDevice, cudaMemcpyDefault };
enum cudaDeviceAttr {
  cudaDevAttrMultiProcessorCount,
  cudaDevAttrMaxSharedMemoryPerBlockOptin,
  cudaDevAttrL2CacheSize,
  cudaDevAttrComputeCapabilityMajor,
  cudaDevAttrComputeCapabilityMinor
};
inline constexpr unsigned cudaStreamNonBlocking = 1, cudaEventDisableTiming = 2;

struct cudaLaunchConfig_t {
  dim3 gridDim, blockDim;
  std::size_t dynamicSmemBytes = 0;
  cudaStream_t stream = nullptr;
};

enum cudaFuncAttribute { cudaFuncAttributeMaxDynamicSharedMemorySize };
inline cudaError_t cudaFuncSetAttribute(const void*, cudaFuncAttribute, int value) {
  return static_cast<std::size_t>(value) <= sizeof(scalebench::shim::DynamicShared::data) ? cudaSuccess
                                                                                          : cudaErrorInvalidValue;
}
cudaError_t cudaGetLastError();
const char* cudaGetErrorName(cudaError_t);
const char* cudaGetErrorString(cudaError_t);
cudaError_t cudaGetDevice(int*);
cudaError_t cudaDeviceSynchronize();
cudaError_t cudaDeviceGetAttribute(int*, cudaDeviceAttr, int device);
cudaError_t cudaDeviceGetStreamPriorityRange(int*, int*);
cudaError_t cudaMalloc(void**, std::size_t);
cudaError_t cudaMallocAsync(void**, std::size_t, cudaStream_t);
cudaError_t cudaFreeAsync(void*, cudaStream_t);
cudaError_t cudaFree(void*);
cudaError_t cudaMallocHost(void**, std::size_t);
cudaError_t cudaFreeHost(void*);
cudaError_t cudaMemGetInfo(std::size_t* free, std::size_t* total);
cudaError_t cudaMemcpy(void*, const void*, std::size_t, cudaMemcpyKind);
cudaError_t cudaMemcpyAsync(void*, const void*, std::size_t, cudaMemcpyKind, cudaStream_t);
cudaError_t cudaMemsetAsync(void*, int, std::size_t, cudaStream_t);
cudaError_t cudaStreamCreateWithFlags(cudaStream_t*, unsigned);
cudaError_t cudaStreamCreateWithPriority(cudaStream_t*, unsigned, int);
cudaError_t cudaStreamDestroy(cudaStream_t);
cudaError_t cudaStreamSynchronize(cudaStream_t);
cudaError_t cudaStreamQuery(cudaStream_t);
cudaError_t cudaStreamWaitEvent(cudaStream_t, cudaEvent_t, unsigned);
using cudaGraph_t = struct ShimGraph*;
using cudaGraphExec_t = struct ShimGraph*;
enum cudaStreamCaptureMode { cudaStreamCaptureModeGlobal, cudaStreamCaptureModeThreadLocal };
cudaError_t cudaStreamBeginCapture(cudaStream_t, cudaStreamCaptureMode);
cudaError_t cudaStreamEndCapture(cudaStream_t, cudaGraph_t*);
cudaError_t cudaGraphInstantiate(cudaGraphExec_t*, cudaGraph_t, unsigned long long);
inline constexpr unsigned long long cudaGraphInstantiateFlagUseNodePriority = 8;
cudaError_t cudaGraphDestroy(cudaGraph_t);
cudaError_t cudaGraphExecDestroy(cudaGraphExec_t);
cudaError_t cudaGraphLaunch(cudaGraphExec_t, cudaStream_t);
enum cudaStreamCaptureStatus { cudaStreamCaptureStatusNone, cudaStreamCaptureStatusActive };
cudaError_t cudaStreamIsCapturing(cudaStream_t, cudaStreamCaptureStatus*);
cudaError_t cudaEventCreate(cudaEvent_t*);
cudaError_t cudaEventCreateWithFlags(cudaEvent_t*, unsigned);
cudaError_t cudaEventDestroy(cudaEvent_t);
cudaError_t cudaEventRecord(cudaEvent_t, cudaStream_t);
cudaError_t cudaEventSynchronize(cudaEvent_t);
cudaError_t cudaEventQuery(cudaEvent_t);
cudaError_t cudaEventElapsedTime(float* ms, cudaEvent_t from, cudaEvent_t to);

namespace scalebench::shim {

// From now on nothing that the stream is given is done, nor what waits for it, as behind a kernel that never ends;
// until the result is set to false, by any thread. Meanwhile a blocking call is an error instead of waiting for ever.
std::shared_ptr<std::atomic<bool>> hold(cudaStream_t stream);

}  // namespace scalebench::shim

template <class... Parameters, class... Arguments>
cudaError_t cudaLaunchKernelEx(const cudaLaunchConfig_t* config, void (*kernel)(Parameters...),
                               Arguments&&... arguments) {
  scalebench::shim::issue(config->stream, [grid = *config, kernel,
                                           kept = std::tuple<Parameters...>(std::forward<Arguments>(arguments)...)] {
    scalebench::shim::dynamic.bytes = grid.dynamicSmemBytes;
    scalebench::shim::run_grid(grid.gridDim, grid.blockDim, [&] { std::apply(kernel, kept); });
  });
  return cudaSuccess;
}
