// QuantizeScaled: a block of threads takes 128 columns of some rows, 8 numbers of a row a thread, which stay in
// registers between the largest of a block of the matrix and its codes. A transposed matrix comes by way of shared
// memory. Where there is a scale of the whole, its largest number is found before: a maximum, the same in any order.
#include "base/quantized.hpp"
#include "kernels/cuda/compute.hpp"
#include "kernels/cuda/launch.cuh"
#include "kernels/cuda/numbers.cuh"
#include "kernels/cuda/small_float.cuh"

namespace scalebench::cuda {

namespace {

constexpr int kThreads = 256, kEach = 8;
constexpr int kColumns = 128, kLanes = kColumns / kEach;  // threads of a row
constexpr int kRowsAtOnce = kThreads / kLanes;
constexpr int kTurned = 4 * kRowsAtOnce;  // rows that shared memory holds
constexpr int kTurnedPitch = kColumns + 5;

template <class T>
struct Source {
  const T* data;
  std::int64_t rows, columns, pitch;  // transposed: pitch of columns
  bool packed;                        // 16 bytes at a time
};

struct Target {
  std::uint8_t* payload;
  void* scales;
  float* global;
  bool e5m2, packed;
};

// The bits of |x|, which are in the order of the numbers: what is not finite is above all.
__device__ inline unsigned size_bits(float x) { return __float_as_uint(x) & 0x7FFFFFFFU; }
struct Larger {
  __device__ unsigned operator()(unsigned a, unsigned b) const { return a > b ? a : b; }
};
__device__ inline unsigned largest_of(const float (&numbers)[kEach]) {
  unsigned largest = 0;
#pragma unroll
  for (const float x : numbers) largest = Larger{}(largest, size_bits(x));
  return largest;
}

// The next of `left` numbers; behind the end 0.
template <class T>
__device__ void read(const T* from, std::int64_t left, bool packed, float (&to)[kEach]) {
  constexpr int kCount = Pack<T>::kCount;
  if (packed && left >= kEach) {
#pragma unroll
    for (int i = 0; i < kEach; i += kCount) {
      const auto pack = *reinterpret_cast<const Pack<T>*>(from + i);
#pragma unroll
      for (int j = 0; j < kCount; ++j) to[i + j] = to_float(pack.at[j]);
    }
  } else {
#pragma unroll
    for (int i = 0; i < kEach; ++i) to[i] = i < left ? to_float(from[i]) : 0.0F;
  }
}

template <class T>
__global__ void __launch_bounds__(kThreads) find_largest(Source<T> from, unsigned* to) {
  const std::int64_t column = global_thread() * kEach;
  unsigned largest = 0;
  if (column < from.columns)
    for (std::int64_t row = blockIdx.y; row < from.rows; row += gridDim.y) {
      float numbers[kEach];
      read(from.data + row * from.pitch + column, from.columns - column, from.packed, numbers);
      largest = Larger{}(largest, largest_of(numbers));
    }
  largest = over_block(largest, Larger{});
  if (threadIdx.x == 0) atomicMax(to, largest);
}

// A place in a row of shared memory: what threads read together lies in different banks.
__device__ inline int swizzled(int column) { return column ^ (column >> 5 & 3); }

// kTurned rows from `row` on, of a transposed matrix.
template <class T>
__device__ void read_turned(const Source<T>& from, std::int64_t row, std::int64_t column,
                            float (&to)[kTurned][kTurnedPitch]) {
  constexpr int kParts = kTurned / kEach;  // of a column
  const int part = static_cast<int>(threadIdx.x) % kParts * kEach;
  __syncthreads();  // before what was read is overwritten
  for (int c = static_cast<int>(threadIdx.x) / kParts; c < kColumns; c += kThreads / kParts) {
    float numbers[kEach];
    const std::int64_t left = column + c < from.columns ? from.rows - row - part : 0;
    read(from.data + (column + c) * from.pitch + row + part, left, from.packed, numbers);
#pragma unroll
    for (int i = 0; i < kEach; ++i) to[part + i][swizzled(c)] = numbers[i];
  }
  __syncthreads();
}

template <SmallFloat Format>
__device__ void encode_all(const float (&numbers)[kEach], float factor, std::uint32_t (&words)[2]) {
  constexpr int kBits = Format.sign_bit() + 1;
  constexpr std::uint32_t kNan = Format.has_nan ? Format.top() : Format.largest();
  words[0] = words[1] = 0;
#pragma unroll
  for (int i = 0; i < kEach; i += 2) {
    const std::uint32_t codes =
        is_finite(factor) ? codes_of<Format>(numbers[i] * factor, numbers[i + 1] * factor) : kNan | kNan << kBits;
    words[i * kBits / 32] |= codes << (i * kBits % 32);
  }
}

// The codes of kEach numbers, of which `left` are in the row.
template <Scaling S>
__device__ void store(const Target& to, std::int64_t row, std::int64_t columns, std::int64_t column,
                      const float (&numbers)[kEach], float factor) {
  std::uint32_t words[2];
  if constexpr (S == Scaling::nv)
    encode_all<kE2m1>(numbers, factor, words);
  else if (to.e5m2)
    encode_all<kE5m2>(numbers, factor, words);
  else
    encode_all<kE4m3>(numbers, factor, words);
  constexpr int kBytes = S == Scaling::nv ? kEach / 2 : kEach;
  std::uint8_t* const place = to.payload + row * payload_columns(S, columns) + (S == Scaling::nv ? column / 2 : column);
  if (to.packed && columns - column >= kEach) {
    if constexpr (S == Scaling::nv)
      *reinterpret_cast<std::uint32_t*>(place) = words[0];
    else
      *reinterpret_cast<Pack<std::uint32_t, 2>*>(place) = {{words[0], words[1]}};
    return;
  }
  const std::int64_t count = min(payload_columns(S, columns - column), std::int64_t{kBytes});
  // Behind the last of an odd number of columns is 0.
  if (S == Scaling::nv && columns - column < kEach && columns % 2 == 1) words[0] &= (1U << (columns - column) * 4) - 1;
#pragma unroll
  for (int i = 0; i < kBytes; ++i)
    if (i < count) place[i] = static_cast<std::uint8_t>(words[i / 4] >> i % 4 * 8);
}

template <Scaling S>
__device__ void store_scale(const Target& to, std::int64_t place, std::uint32_t stored) {
  if constexpr (scale_dtype(S) == DType::f32)
    static_cast<std::uint32_t*>(to.scales)[place] = stored;
  else
    static_cast<std::uint8_t*>(to.scales)[place] = static_cast<std::uint8_t>(stored);
}

template <class T, Scaling S, bool Turned>
__global__ void __launch_bounds__(kThreads) quantize(Source<T> from, Target to, const unsigned* largest_of_all) {
  constexpr int kPasses = S == Scaling::blocks ? 128 / kRowsAtOnce : 4;
  constexpr bool kOfWhole = S == Scaling::tensor || S == Scaling::nv;
  const std::int64_t across = (from.columns + kColumns - 1) / kColumns;
  const std::int64_t first_row = blockIdx.x / across * kPasses * kRowsAtOnce;
  const std::int64_t first_column = blockIdx.x % across * kColumns;
  const int lane = static_cast<int>(threadIdx.x) % kLanes, slot = static_cast<int>(threadIdx.x) / kLanes;
  const std::int64_t column = first_column + lane * kEach;
  const auto row_of = [&](int pass) { return first_row + pass * kRowsAtOnce + slot; };

  float numbers[kPasses][kEach];
  if constexpr (Turned) {
    __shared__ float tile[kTurned][kTurnedPitch];
#pragma unroll
    for (int pass = 0; pass < kPasses; ++pass) {
      if (pass * kRowsAtOnce % kTurned == 0) read_turned(from, first_row + pass * kRowsAtOnce, first_column, tile);
#pragma unroll
      for (int i = 0; i < kEach; ++i)
        numbers[pass][i] = tile[pass * kRowsAtOnce % kTurned + slot][swizzled(lane * kEach + i)];
    }
  } else if (from.packed && first_row + kPasses * kRowsAtOnce <= from.rows && first_column + kColumns <= from.columns) {
    constexpr int kCount = Pack<T>::kCount, kPacks = kEach / kCount;
    Pack<T> packs[kPasses][kPacks];  // all are asked for before any is looked at
#pragma unroll
    for (int pass = 0; pass < kPasses; ++pass)
#pragma unroll
      for (int i = 0; i < kPacks; ++i)
        packs[pass][i] = reinterpret_cast<const Pack<T>*>(from.data + row_of(pass) * from.pitch + column)[i];
#pragma unroll
    for (int pass = 0; pass < kPasses; ++pass)
#pragma unroll
      for (int i = 0; i < kEach; ++i) numbers[pass][i] = to_float(packs[pass][i / kCount].at[i % kCount]);
  } else {
#pragma unroll
    for (int pass = 0; pass < kPasses; ++pass)
      read(from.data + row_of(pass) * from.pitch + column, row_of(pass) < from.rows ? from.columns - column : 0,
           from.packed, numbers[pass]);
  }

  const float top = S == Scaling::nv ? 6.0F : to.e5m2 ? 57344.0F : 448.0F;
  float of_whole = 1;
  if constexpr (kOfWhole) {
    of_whole = whole_scale(__uint_as_float(*largest_of_all), S == Scaling::nv ? 448 * top : top);
    if (blockIdx.x == 0 && threadIdx.x == 0)
      (S == Scaling::nv ? to.global : static_cast<float*>(to.scales))[0] = of_whole;
  }
  unsigned largest = 0;
  if constexpr (S == Scaling::blocks) {
#pragma unroll
    for (int pass = 0; pass < kPasses; ++pass) largest = Larger{}(largest, largest_of(numbers[pass]));
    largest = over_block(largest, Larger{});
  }
#pragma unroll
  for (int pass = 0; pass < kPasses; ++pass) {
    const std::int64_t row = row_of(pass);
    const bool inside = row < from.rows && column < from.columns;
    float factor = 1 / of_whole;
    if constexpr (S != Scaling::tensor) {
      constexpr int kLanesOfBlock = static_cast<int>(block_width(S)) / kEach;
      if constexpr (S != Scaling::blocks) {
        largest = largest_of(numbers[pass]);
#pragma unroll
        for (int offset = kLanesOfBlock / 2; offset > 0; offset /= 2)
          largest = Larger{}(largest, __shfl_xor_sync(kAllLanes, largest, offset));
      }
      const BlockScale scale = block_scale(S, __uint_as_float(largest), top, of_whole);
      const bool first = S == Scaling::blocks ? threadIdx.x == 0 && pass == 0 : lane % kLanesOfBlock == 0;
      if (inside && first)
        store_scale<S>(to, scale_place(S, from.rows, from.columns, row, column / block_width(S)), scale.stored);
      factor = scale.factor;
    }
    if (inside) store<S>(to, row, from.columns, column, numbers[pass], factor);
  }
}

template <class T>
Source<T> source_of(const Tensor& matrix, bool turned) {
  const int slow = turned ? 1 : 0;
  const std::int64_t pitch = matrix.stride(slow), width = turned ? matrix.rows() : matrix.columns();
  const bool packed = reinterpret_cast<std::uintptr_t>(matrix.address()) % 16 == 0 && width % kEach == 0 &&
                      (pitch % Pack<T>::kCount == 0 || matrix.dim(slow) == 1);
  return {data_of<const T>(matrix), matrix.rows(), matrix.columns(), pitch, packed};
}

// The matrix or its transpose, which have the same largest number.
template <class T>
const unsigned* launch_largest(Source<T> from, bool turned, CudaContext& context) {
  auto* const largest = reinterpret_cast<unsigned*>(context.scratch(sizeof(unsigned)));
  check_cuda(cudaMemsetAsync(largest, 0, sizeof(unsigned), context.stream()), "cudaMemsetAsync");
  if (turned) std::swap(from.rows, from.columns);
  const unsigned across = blocks_for(from.columns, kThreads * kEach);
  const auto most = static_cast<std::int64_t>(blocks_to_fill(context, from.rows * across, 1));
  const auto down = static_cast<unsigned>(std::clamp<std::int64_t>(most / across, 1, 65535));
  launch(context, find_largest<T>, dim3(across, down), kThreads, from, largest);
  return largest;
}

template <class T, Scaling S>
void launch_scaled(const Source<T>& from, bool turned, const Target& to, const unsigned* largest,
                   CudaContext& context) {
  constexpr std::int64_t kRows = S == Scaling::blocks ? 128 : 4 * kRowsAtOnce;
  const unsigned blocks = blocks_for(from.rows, kRows) * blocks_for(from.columns, kColumns);
  launch(context, turned ? quantize<T, S, true> : quantize<T, S, false>, blocks, kThreads, from, to, largest);
}

template <class T>
void launch_for(Scaling scaling, const Source<T>& from, bool turned, const Target& to, CudaContext& context) {
  const bool of_whole = scaling == Scaling::tensor || scaling == Scaling::nv;
  const unsigned* const largest = of_whole ? launch_largest(from, turned, context) : nullptr;
  switch (scaling) {
    case Scaling::tensor:
      return launch_scaled<T, Scaling::tensor>(from, turned, to, largest, context);
    case Scaling::rows:
      return launch_scaled<T, Scaling::rows>(from, turned, to, largest, context);
    case Scaling::blocks:
      return launch_scaled<T, Scaling::blocks>(from, turned, to, largest, context);
    case Scaling::mx:
      return launch_scaled<T, Scaling::mx>(from, turned, to, largest, context);
    case Scaling::nv:
      return launch_scaled<T, Scaling::nv>(from, turned, to, largest, context);
  }
}

}  // namespace

void compute(const QuantizeScaled& op, CudaContext& context) {
  const QuantizedMatrix& to = op.to;
  const bool nv = to.scaling == Scaling::nv;
  need(op.from.rank() == 2 && op.from.rows() == to.rows && op.from.columns() == to.columns, op.from,
       "is not the matrix that is quantized");
  need(to.payload.contiguous() && to.payload.count() == to.rows * payload_columns(to.scaling, to.columns) &&
           (nv ? to.payload.dtype() == DType::i8
               : to.payload.dtype() == DType::e4m3 || to.payload.dtype() == DType::e5m2),
       to.payload, "cannot take the numbers that are quantized");
  need(to.scales.contiguous() && to.scales.dtype() == scale_dtype(to.scaling) &&
           to.scales.count() == scale_count(to.scaling, to.rows, to.columns),
       to.scales, "cannot take their scales");
  if (nv) need(to.global.dtype() == DType::f32 && to.global.count() == 1, to.global, "is not one scale");
  const bool turned = op.from.stride(1) != 1 && to.columns > 1;
  need(!turned || op.from.stride(0) == 1 || to.rows == 1, op.from, "has no unit stride");
  // What fills up tiles of scales.
  check_cuda(cudaMemsetAsync(to.scales.address(), 0, to.scales.bytes(), context.stream()), "cudaMemsetAsync");
  const Target target{data_of<std::uint8_t>(to.payload), to.scales.address(), nv ? data_of<float>(to.global) : nullptr,
                      to.payload.dtype() == DType::e5m2,
                      reinterpret_cast<std::uintptr_t>(to.payload.address()) % kEach == 0 && to.columns % kEach == 0};
  for_dtype(op.from, [&](auto type) {
    launch_for(to.scaling, source_of<decltype(type)>(op.from, turned), turned, target, context);
  });
}

}  // namespace scalebench::cuda
