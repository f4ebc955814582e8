// What a block finds out about one row of logits: thresholds, and ids at which a running sum exceeds a number.
#pragma once

#include "kernels/cuda/launch.cuh"
#include "kernels/cuda/numbers.cuh"

namespace scalebench::cuda {

namespace {

constexpr int kThreads = 256, kWarps = kThreads / kWarp;
constexpr int kDigitBits = 4, kDigits = 1 << kDigitBits, kFirstShift = 32 - kDigitBits;
constexpr float kLog2E = 1.44269504088896F;

// Bits whose order is that of the numbers; -0 is 0, a NaN is above all.
__device__ inline std::uint32_t key_of(float x) {
  const std::uint32_t bits = __float_as_uint(x), size = bits & 0x7FFFFFFFU;
  if (size > 0x7F800000U) return 0xFFFFFFFFU;
  return bits == size ? size + 0x80000000U : 0x80000000U - size;
}
__device__ inline float number_of(std::uint32_t key) {
  return __uint_as_float(key >= 0x80000000U ? key - 0x80000000U : (0x80000000U - key) | 0x80000000U);
}

// Larger for the better, of equal ones for the first.
__device__ inline std::uint64_t pair_of(float x, std::int32_t id) {
  return std::uint64_t{key_of(x)} << 32 | (0xFFFFFFFFU - static_cast<std::uint32_t>(id));
}
__device__ inline std::int32_t id_of(std::uint64_t pair) {
  return static_cast<std::int32_t>(0xFFFFFFFFU - static_cast<std::uint32_t>(pair));
}
__device__ inline bool finite(std::uint64_t pair) {
  const auto key = static_cast<std::uint32_t>(pair >> 32);
  return key > 0x80000000U - 0x7F800000U && key < 0x80000000U + 0x7F800000U;
}

// exp2_below() of kernels/cpu/numbers.hpp, 0 below 2^-126.
__device__ inline float weight_of(float power) {
  if (power < -126.0F) return 0;
  const float whole = rintf(power), x = power - whole;
  float y = fmaf(x, 1.534581171e-04F, 1.339993122e-03F);
  y = fmaf(x, y, 9.618488958e-03F);
  y = fmaf(x, y, 5.550328777e-02F);
  y = fmaf(x, y, 2.402264689e-01F);
  y = fmaf(x, y, 6.931472057e-01F);
  y = fmaf(x, y, 1.000000001e+00F);
  return __uint_as_float(__float_as_uint(y) + (static_cast<std::uint32_t>(static_cast<std::int32_t>(whole)) << 23));
}

template <class T>
struct Logits {
  const T* data;
  std::int64_t part_pitch, pitch;
  std::int32_t width, vocabulary;  // width: of a part
  bool packed;
};

template <class T>
struct Row {
  Logits<T> logits;
  std::int64_t number;
  float best, scale;
  __device__ float weight(float x) const { return weight_of((x - best) * scale); }
};

// body(id, logit) for the ids [begin, end) that are thread `mine` of `threads`'s.
template <class T, class Body>
__device__ void for_each(const Logits<T>& logits, std::int64_t row, std::int32_t begin, std::int32_t end,
                         std::int32_t mine, std::int32_t threads, const Body& body) {
  constexpr int kCount = Pack<T>::kCount;
  for (std::int32_t part = begin / logits.width; part * logits.width < end; ++part) {
    const std::int32_t first = part * logits.width;
    const T* const from = logits.data + part * logits.part_pitch + row * logits.pitch;
    const std::int32_t low = max(begin - first, 0), high = min(end - first, logits.width);
    if (!logits.packed || low % kCount != 0) {
      for (std::int32_t i = low + mine; i < high; i += threads) body(first + i, to_float(from[i]));
      continue;
    }
#pragma unroll 2
    for (std::int32_t i = low + mine * kCount; i < high; i += threads * kCount)
      if (i + kCount <= high) {
        const auto pack = *reinterpret_cast<const Pack<T>*>(from + i);
#pragma unroll
        for (int j = 0; j < kCount; ++j) body(first + i + j, to_float(pack.at[j]));
      } else {
        for (std::int32_t j = i; j < high; ++j) body(first + j, to_float(from[j]));
      }
  }
}

// Those above a threshold, and the first `ties` at it.
struct Candidates {
  std::uint32_t threshold;
  std::int32_t ties;
};

// One number for each thread and digit, so that none waits for another.
struct Bins {
  double of[kDigits][kThreads];
  double sums[kDigits];
};

// The masses mass(key, logit) of the row's elements whose key begins with `prefix` (above shift + kDigitBits), by the
// digit that follows.
template <class T, class Mass>
__device__ void fill_bins(const Row<T>& row, const Mass& mass, std::uint32_t prefix, int shift, Bins& bins) {
  const auto thread = static_cast<std::int32_t>(threadIdx.x), lane = thread % kWarp;
  for (int digit = 0; digit < kDigits; ++digit) bins.of[digit][thread] = 0;
  for_each(row.logits, row.number, 0, row.logits.vocabulary, thread, kThreads, [&](std::int32_t, float x) {
    const std::uint32_t key = key_of(x);
    if (shift == kFirstShift || key >> (shift + kDigitBits) == prefix)
      bins.of[key >> shift & (kDigits - 1)][thread] += mass(key, x);
  });
  __syncthreads();
  for (int digit = thread / kWarp; digit < kDigits; digit += kWarps) {
    double sum = 0;
    for (int i = lane; i < kThreads; i += kWarp) sum += bins.of[digit][i];
    sum = over_warp(sum);
    if (lane == 0) bins.sums[digit] = sum;
  }
  __syncthreads();
}

struct Threshold {
  std::uint32_t key;
  double above, at;  // mass of the keys above it, of itself
};

// The highest key of an element at which what isn't below it has a mass of at least `least`.
template <class T, class Mass>
__device__ Threshold highest_threshold(const Row<T>& row, const Mass& mass, double least, int last_shift, Bins& bins) {
  Threshold found{0, 0, 0};
  for (int shift = kFirstShift; shift >= last_shift; shift -= kDigitBits) {
    fill_bins(row, mass, found.key, shift, bins);
    int taken = 0;
    double above = found.above, sum = above;
    for (int digit = kDigits - 1; digit >= 0 && !(sum > 0 && sum >= least); --digit) {
      if (bins.sums[digit] > 0) taken = digit, above = sum, found.at = bins.sums[digit];
      sum += bins.sums[digit];
    }
    found.above = above, found.key = found.key << kDigitBits | static_cast<std::uint32_t>(taken);
    __syncthreads();  // before the bins are filled anew
  }
  found.key <<= last_shift;
  return found;
}

// The first id at which the running sum of mass(id, logit) exceeds wanted(sum of all); where rounding leaves none, the
// last with a mass. Each warp sums a segment of the ids; those of the segment where it happens are cut up in turn.
template <class T, class Mass, class Wanted>
__device__ std::int32_t first_above(const Row<T>& row, const Mass& mass, const Wanted& wanted_of) {
  constexpr std::int32_t kLeastSegment = 32;
  __shared__ double sums[kWarps], masses[kLeastSegment];
  const auto thread = static_cast<std::int32_t>(threadIdx.x), warp = thread / kWarp, lane = thread % kWarp;
  std::int32_t begin = 0, end = row.logits.vocabulary;
  double before = 0, wanted = -1;
  for (bool first = true; first || end - begin > kLeastSegment; first = false) {
    const std::int32_t each = ((end - begin + kWarps - 1) / kWarps + kLeastSegment - 1) / kLeastSegment * kLeastSegment;
    double sum = 0;
    for_each(row.logits, row.number, min(begin + warp * each, end), min(begin + (warp + 1) * each, end), lane, kWarp,
             [&](std::int32_t id, float x) { sum += mass(id, x); });
    sum = over_warp(sum);
    if (lane == 0) sums[warp] = sum;
    __syncthreads();
    if (first) {
      double total = 0;
      for (int w = 0; w < kWarps; ++w) total += sums[w];
      wanted = wanted_of(total);
    }
    int taken = 0;
    double at = before, running = before;
    for (int w = 0; w < kWarps && running <= wanted; ++w) {
      if (sums[w] > 0) taken = w, at = running;
      running += sums[w];
    }
    before = at, begin = min(begin + taken * each, end), end = min(begin + each, end);
    __syncthreads();  // before the sums are written anew
  }
  for_each(row.logits, row.number, begin, end, thread, kThreads,
           [&](std::int32_t id, float x) { masses[id - begin] = mass(id, x); });
  __syncthreads();
  std::int32_t last = begin;
  for (std::int32_t id = begin; id < end && before <= wanted; ++id) {
    if (masses[id - begin] > 0) last = id;
    before += masses[id - begin];
  }
  __syncthreads();  // before the masses are written anew
  return last;
}

}  // namespace

}  // namespace scalebench::cuda
