#include <numbers>

#include "kernels/cuda/compute.hpp"
#include "kernels/cuda/launch.cuh"
#include "kernels/cuda/numbers.cuh"

namespace scalebench::cuda {

namespace {

constexpr int kThreads = 256;
constexpr int kMostTurns = 1024;  // that a block has for its rows

template <class T>
struct Heads {
  T* data;  // [N, heads, 2, pairs]
  std::int64_t rows, pitch, head_pitch;
  int heads, pairs;
};

struct Angles {
  const float* frequencies;       // [pairs]
  const std::int32_t* positions;  // [N], or none: then a row's position is its number modulo `sequence`
  std::int64_t sequence;
  float sign;
};

// The angle is reduced to a turn in double: in fp32 a position of 8192 would cost 4 of 7 digits.
__device__ float2 turn_of(const Angles& angles, std::int64_t row, int pair) {
  const std::int64_t position = angles.positions ? angles.positions[row] : row % angles.sequence;
  const double angle = static_cast<double>(position) / std::numbers::pi * static_cast<double>(angles.frequencies[pair]);
  const double half_turns = angle - 2 * rint(angle / 2);
  const auto rounded = static_cast<float>(half_turns);
  const float rest = static_cast<float>((half_turns - static_cast<double>(rounded)) * std::numbers::pi);
  float sine, cosine;
  sincospif(rounded, &sine, &cosine);
  return {cosine - rest * sine, angles.sign * (sine + rest * cosine)};
}

// A block has `each` rows: their turns are found once, for all heads.
template <class T, int kCount>
__global__ void turn(Heads<T> op, Angles angles, int each) {
  __shared__ float2 turns[kMostTurns];
  using Access = Pack<T, kCount>;
  const std::int64_t first = static_cast<std::int64_t>(blockIdx.x) * each;
  const int rows = static_cast<int>(min(static_cast<std::int64_t>(each), op.rows - first));
  const int thread = static_cast<int>(threadIdx.x);
  for (int i = thread; i < rows * op.pairs; i += kThreads)
    turns[i] = turn_of(angles, first + i / op.pairs, i % op.pairs);
  __syncthreads();
  const int packs = op.pairs / kCount;
  for (int i = thread; i < rows * op.heads * packs; i += kThreads) {
    const int row = i / packs / op.heads, head = i / packs % op.heads, pair = i % packs * kCount;
    T* const x = op.data + (first + row) * op.pitch + head * op.head_pitch + pair;
    T* const y = x + op.pairs;
    Access a = *reinterpret_cast<const Access*>(x), b = *reinterpret_cast<const Access*>(y);
    for (int j = 0; j < kCount; ++j) {
      const float2 by = turns[row * op.pairs + pair + j];
      const float before = to_float(a.at[j]), after = to_float(b.at[j]);
      a.at[j] = from_float<T>(before * by.x - after * by.y);
      b.at[j] = from_float<T>(after * by.x + before * by.y);
    }
    *reinterpret_cast<Access*>(x) = a;
    *reinterpret_cast<Access*>(y) = b;
  }
}

template <class T>
void turn_all(const Rope& op, const Angles& angles, CudaContext& context) {
  const Heads<T> heads{.data = data_of<T>(op.heads),
                       .rows = op.heads.dim(0),
                       .pitch = op.heads.stride(0),
                       .head_pitch = op.heads.stride(1),
                       .heads = static_cast<int>(op.heads.dim(1)),
                       .pairs = static_cast<int>(op.heads.dim(2) / 2)};
  constexpr int kCount = Pack<T>::kCount;
  const bool packed = reinterpret_cast<std::uintptr_t>(heads.data) % sizeof(Pack<T>) == 0 &&
                      heads.pairs % kCount == 0 && (heads.pitch % kCount == 0 || heads.rows == 1) &&
                      (heads.head_pitch % kCount == 0 || heads.heads == 1);
  const int accesses = heads.heads * heads.pairs / (packed ? kCount : 1);
  const int each = std::max(1, std::min(kMostTurns / heads.pairs, kThreads / accesses));
  launch(context, packed ? turn<T, kCount> : turn<T, 1>, blocks_for(heads.rows, each), kThreads, heads, angles, each);
}

}  // namespace

void compute(const Rope& op, CudaContext& context) {
  need(op.heads.rank() == 3 && op.heads.dim(2) % 2 == 0 && op.frequencies.count() == op.heads.dim(2) / 2, op.heads,
       "where heads of pairs are needed, with a frequency for each pair");
  need(op.heads.dim(2) <= 2 * kMostTurns, op.heads, "with heads too large to turn");
  if (op.positions.defined())
    need(op.positions.count() == op.heads.dim(0), op.positions, "where a position for each row is needed");
  else
    need(op.sequence > 0 && op.heads.dim(0) % op.sequence == 0, op.heads, "which is no whole number of sequences");
  if (op.heads.count() == 0) return;
  const Angles angles{.frequencies = data_of<const float>(op.frequencies),
                      .positions = op.positions.defined() ? data_of<const std::int32_t>(op.positions) : nullptr,
                      .sequence = op.sequence,
                      .sign = op.backward ? -1.0F : 1.0F};
  for_dtype(op.heads, [&](auto type) { turn_all<decltype(type)>(op, angles, context); });
}

}  // namespace scalebench::cuda
