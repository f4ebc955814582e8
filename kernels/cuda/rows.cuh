// Rows and the teams of threads that walk over them: each thread keeps what it read of a row in registers.
#pragma once

#include <bit>
#include <type_traits>

#include "kernels/cuda/launch.cuh"
#include "kernels/cuda/numbers.cuh"

namespace scalebench::cuda {

inline constexpr int kMostThreads = 512;  // of a team: 128 registers a thread

// Rows of a matrix, or heads of its rows: row n is head n mod heads of row n / heads.
template <class T>
struct HeadRows {
  T* data;
  std::int64_t count, width, heads, pitch, head_pitch;
  __device__ T* operator[](std::int64_t n) const {
    return heads == 1 ? data + n * pitch : data + n / heads * pitch + n % heads * head_pitch;
  }
};

template <class T>
HeadRows<T> head_rows_of(const Tensor& tensor) {
  if (!tensor.defined()) return {};
  const int last = tensor.rank() - 1;
  need(last == 1 || last == 2, tensor, "where rows or heads of rows are needed");
  need(tensor.dim(last) <= 1 || tensor.stride(last) == 1, tensor, "with a gap between the elements of a row");
  const std::int64_t heads = last == 2 ? tensor.dim(1) : 1;
  return {data_of<T>(tensor), tensor.dim(0) * heads,           tensor.dim(last), heads,
          tensor.stride(0),   last == 2 ? tensor.stride(1) : 0};
}

template <class T>
bool packs(const HeadRows<T>& rows) {
  constexpr std::int64_t kCount = Pack<T>::kCount;
  return reinterpret_cast<std::uintptr_t>(rows.data) % sizeof(Pack<T>) == 0 && rows.width % kCount == 0 &&
         (rows.pitch % kCount == 0 || rows.count == rows.heads) && (rows.head_pitch % kCount == 0 || rows.heads == 1);
}
template <class T>
bool packs(const T* vector) {
  return reinterpret_cast<std::uintptr_t>(vector) % sizeof(Pack<T>) == 0;
}

// Rows that a branch may be added to: sum = input + branch. Without one, `branch` and `sum` are empty.
template <class T>
struct SummedRows {
  HeadRows<const T> input, branch;
  HeadRows<T> sum;
};

template <class T, class Op>
SummedRows<T> summed_rows_of(const Op& op) {
  return {head_rows_of<const T>(op.input), head_rows_of<const T>(op.branch), head_rows_of<T>(op.sum)};
}
template <class T>
bool packs(const SummedRows<T>& rows) {
  return packs(rows.input) && packs(rows.branch) && packs(rows.sum);
}

struct Pair {
  float first, second;
};
__device__ inline Pair operator+(Pair a, Pair b) { return {a.first + b.first, a.second + b.second}; }

template <class T>
__device__ T of_lane_xor(T value, int with) {
  return __shfl_xor_sync(kAllLanes, value, with);
}
__device__ inline Pair of_lane_xor(Pair value, int with) {
  return {of_lane_xor(value.first, with), of_lane_xor(value.second, with)};
}
template <class Combine>  // what over_block() calls for a Pair
__device__ Pair over_warp(Pair value, Combine combine) {
  for (int offset = kWarp / 2; offset > 0; offset /= 2) value = combine(value, of_lane_xor(value, offset));
  return value;
}

// What a thread has of one chunk of a row: kHeld packs of kCount numbers; two of 16 bits stay in one register.
// forget_derived(): what one pass worked out of them isn't kept in registers for the next.
template <class T, int kCount, int kHeld>
struct Held {
  Pack<T, kCount> at[kHeld];
  __device__ float get(int i, int j) const { return to_float(at[i].at[j]); }
  __device__ void set(int i, int j, float x) { at[i].at[j] = from_float<T>(x); }
  __device__ void forget_derived() {
#ifdef __CUDA_ARCH__
    if constexpr (std::is_same_v<T, float>)
#pragma unroll
      for (int i = 0; i < kHeld; ++i)
#pragma unroll
        for (float& x : at[i].at) asm volatile("" : "+f"(x));
#endif
  }
};
template <class T, int kCount, int kHeld>
requires(kCount > 1 && sizeof(T) == 2) struct Held<T, kCount, kHeld> {
  Pack<unsigned, kCount / 2> at[kHeld];
  __device__ float get(int i, int j) const {
    const unsigned both = at[i].at[j / 2];
    if constexpr (std::is_same_v<T, Bf16>)
      return __uint_as_float(j % 2 == 0 ? both << 16 : both & 0xFFFF0000U);
    else
      return to_float(T{static_cast<std::uint16_t>(j % 2 == 0 ? both : both >> 16)});
  }
  __device__ void set(int i, int j, float x) {
    unsigned& both = at[i].at[j / 2];
    const unsigned bits = from_float<T>(x).bits;
    both = j % 2 == 0 ? (both & 0xFFFF0000U) | bits : (both & 0xFFFFU) | bits << 16;
  }
  __device__ void forget_derived() {
#ifdef __CUDA_ARCH__
#pragma unroll
    for (int i = 0; i < kHeld; ++i)
#pragma unroll
      for (unsigned& both : at[i].at) asm volatile("" : "+r"(both));
#endif
  }
};

// Sums down the columns that a thread has, over the rows of its team: here where a row is one chunk, else in partials,
// a row of which each block (each warp, where teams are within warps) has.
template <int kCount, int kHeld>
struct ColumnSums {
  float at[kHeld][kCount];
  float* partials;  // [.., width]
};

// The threads that have one row: `lanes` beside each other, 2^k within a warp or else a whole block. Of each chunk of
// the row a thread has kHeld packs of kCount elements. Where the whole row is one chunk, it is read once; else again in
// each pass.
template <int kCount_, int kHeld_, bool kWhole_>
class Team {
 public:
  static constexpr int kCount = kCount_, kHeld = kHeld_;
  static constexpr bool kWhole = kWhole_;
  template <class T>
  using Part = Held<T, kCount, kHeld>;
  template <class T>
  using Access = std::remove_extent_t<decltype(Part<T>::at)>;
  using Sums = ColumnSums<kCount, kHeld>;

  __device__ Team(int lanes, std::int64_t width)
      : lanes_(lanes), lane_(static_cast<int>(threadIdx.x) % lanes), width_(static_cast<int>(width)) {}

  __device__ bool leads() const { return lane_ == 0; }
  // Whether the element of a row is this thread's.
  __device__ bool holds(int column) const { return column / kCount % lanes_ == lane_; }

  // body(row) for each row that falls to the team, all teams as often: for some the last row lies beyond `count`.
  template <class Body>
  __device__ void each_row(std::int64_t count, const Body& body) const {
    const std::int64_t teams = static_cast<int>(blockDim.x) / lanes_, own = static_cast<int>(threadIdx.x) / lanes_;
    for (std::int64_t first = blockIdx.x * teams; first < count; first += gridDim.x * teams) body(first + own);
  }

  // body(first column) for each chunk of a row.
  template <class Body>
  __device__ void each_chunk(const Body& body) const {
    if constexpr (kWhole)
      body(0);
    else
      for (int chunk = 0; chunk < width_; chunk += lanes_ * kHeld * kCount) body(chunk);
  }

  // The last first: what was read last may be in the cache yet.
  template <class Body>
  __device__ void each_chunk_back(const Body& body) const {
    const int of_chunk = lanes_ * kHeld * kCount;
    if constexpr (kWhole)
      body(0);
    else
      for (int chunk = (width_ - 1) / of_chunk * of_chunk; chunk >= 0; chunk -= of_chunk) body(chunk);
  }

  // body(i, j) for each element that a thread can have of a chunk.
  template <class Body>
  __device__ static void each(const Body& body) {
#pragma unroll
    for (int i = 0; i < kHeld; ++i)
#pragma unroll
      for (int j = 0; j < kCount; ++j) body(i, j);
  }
  // body(i, j, column) for each that it has, of a row of the teams' width.
  template <class Body>
  __device__ void each_of(int chunk, const Body& body) const {
#pragma unroll
    for (int i = 0; i < kHeld; ++i)
      if (const int column = place(chunk, i); column < width_)
#pragma unroll
        for (int j = 0; j < kCount; ++j) body(i, j, column + j);
  }

  // Zeros beyond the end of the row, and in rows beyond the last.
  template <class T, class From>
  __device__ void read(const HeadRows<From>& rows, std::int64_t n, int chunk, Part<T>& held) const {
    read(n < rows.count ? rows[n] : nullptr, n < rows.count ? width_ : 0, chunk, held);
  }
  template <class T>
  __device__ void read(const T* vector, int chunk, Part<T>& held) const {
    read(vector, width_, chunk, held);
  }
  // In a later pass: nothing is read where the whole row is held.
  template <class T, class From>
  __device__ void read_again(const HeadRows<From>& rows, std::int64_t n, int chunk, Part<T>& held) const {
    if constexpr (kWhole)
      held.forget_derived();
    else
      read(rows, n, chunk, held);
  }
  template <class T>
  __device__ void write(const HeadRows<T>& rows, std::int64_t n, int chunk, const Part<T>& held) const {
    if (n >= rows.count) return;
    T* const row = rows[n];
#pragma unroll
    for (int i = 0; i < kHeld; ++i)
      if (const int column = place(chunk, i); column < width_) *reinterpret_cast<Access<T>*>(row + column) = held.at[i];
  }

  // What is held is the sum, as it was rounded.
  template <class T>
  __device__ void read(const SummedRows<T>& rows, std::int64_t n, int chunk, Part<T>& held) const {
    read(rows.input, n, chunk, held);
    if (rows.branch.data == nullptr) return;
    Part<T> branch;
    read(rows.branch, n, chunk, branch);
    each([&](int i, int j) { held.set(i, j, held.get(i, j) + branch.get(i, j)); });
    write(rows.sum, n, chunk, held);
  }
  template <class T>
  __device__ void read_again(const SummedRows<T>& rows, std::int64_t n, int chunk, Part<T>& held) const {
    if (rows.branch.data == nullptr)
      read_again(rows.input, n, chunk, held);
    else
      read_again(rows.sum, n, chunk, held);
  }

  // Over the threads of the team: the result on all of them.
  template <class T, class Combine = Sum>
  __device__ T over(T value, Combine combine = {}) const {
    if (lanes_ > kWarp) return over_block(value, combine);
    for (int offset = lanes_ / 2; offset > 0; offset /= 2) value = combine(value, of_lane_xor(value, offset));
    return value;
  }

  __device__ Sums begin_sums(float* partials) const {
    const std::int64_t row = lanes_ > kWarp ? blockIdx.x : global_thread() / kWarp;
    Sums sums{{}, partials + row * width_};
    if constexpr (!kWhole)
      each_chunk([&](int chunk) { each_of(chunk, [&](int, int, int column) { sums.partials[column] = 0; }); });
    return sums;
  }
  // Adds term(i, j) of a chunk.
  template <class Term>
  __device__ void add(Sums& sums, int chunk, const Term& term) const {
    if constexpr (kWhole)
      each([&](int i, int j) { sums.at[i][j] += term(i, j); });
    else
      each_of(chunk, [&](int i, int j, int column) { sums.partials[column] += term(i, j); });
  }
  // What is here goes to the partials: of the teams of a warp their sum.
  __device__ void end_sums(Sums& sums) const {
    if constexpr (kWhole) {
      for (int offset = lanes_; offset < kWarp; offset *= 2)
        each([&](int i, int j) { sums.at[i][j] += of_lane_xor(sums.at[i][j], offset); });
      if (static_cast<int>(threadIdx.x) % kWarp < lanes_)
        each_of(0, [&](int i, int j, int column) { sums.partials[column] = sums.at[i][j]; });
    }
  }

 private:
  __device__ int place(int chunk, int i) const { return chunk + (i * lanes_ + lane_) * kCount; }
  template <class T>
  __device__ void read(const T* row, int width, int chunk, Part<T>& held) const {
#pragma unroll
    for (int i = 0; i < kHeld; ++i) {
      const int column = place(chunk, i);
      held.at[i] = column < width ? *reinterpret_cast<const Access<T>*>(row + column) : Access<T>{};
    }
  }

  int lanes_, lane_, width_;
};

// How many threads a row gets, and a block has.
struct TeamShape {
  int lanes, threads;
  std::int64_t teams() const { return threads / lanes; }
  std::int64_t partial_rows(std::int64_t blocks) const { return lanes > kWarp ? blocks : blocks * threads / kWarp; }
};

// A thread has as many packs of a row as it can hold; one, where there are too few rows to fill the GPU so. Teams that
// go by chunks have whole warps: their partial sums are in memory.
template <class TeamType>
TeamShape team_shape(const CudaContext& context, std::int64_t rows, std::int64_t width) {
  const std::int64_t packs = (width + TeamType::kCount - 1) / TeamType::kCount;
  std::int64_t threads = std::max<std::int64_t>((packs + TeamType::kHeld - 1) / TeamType::kHeld, 1);
  if (rows * threads < context.multiprocessors() * kMostThreads) threads = std::max<std::int64_t>(packs, 1);
  if (TeamType::kWhole && threads <= kWarp)
    return {static_cast<int>(std::bit_ceil(static_cast<unsigned>(threads))), 256};
  const int lanes = static_cast<int>(std::min<std::int64_t>((threads + kWarp - 1) / kWarp * kWarp, kMostThreads));
  return {lanes, lanes > kWarp ? lanes : 256};
}

// Blocks of a kernel that sums down columns: few, as each leaves partial sums, but enough that 512 threads are on each
// multiprocessor, with some 100 bytes each on their way.
inline unsigned blocks_to_sum(const CudaContext& context, std::int64_t rows, const TeamShape& shape) {
  const std::int64_t most = context.multiprocessors() * static_cast<std::int64_t>(kMostThreads / shape.threads);
  return static_cast<unsigned>(std::min((rows + shape.teams() - 1) / shape.teams(), most));
}

// Calls body(Team<..>*) with teams that hold rows of `width`, or that go by chunks, of packs or of elements.
template <class T, int kHeld = 4, int kOfChunk = 1, class Body>
void for_team(bool packed, std::int64_t width, const Body& body) {
  constexpr int kCount = Pack<T>::kCount;
  if (packed && width <= kMostThreads * kHeld * kCount) return body(static_cast<Team<kCount, kHeld, true>*>(nullptr));
  if (packed) return body(static_cast<Team<kCount, kOfChunk, false>*>(nullptr));
  body(static_cast<Team<1, 4, false>*>(nullptr));
}

}  // namespace scalebench::cuda
