// Matrix products small enough to stay in the caches, of operands that lie as the processor's own instructions want
// them, so that nothing is copied on the way: c (+)= a b, all sizes multiples of 32.
//
// a: [32 rows] x [steps of 32]. b: "panels" of 32 columns; in words of 32 bits, so that bf16 stands in pairs of two
// rows of b, which one instruction multiplies and adds: [panel][row of b / pair][column][pair].
#pragma once

#include <cstdint>

#include "kernels/cpu/numbers.hpp"

namespace scalebench::cpu {

inline constexpr std::int64_t kPanel = 32;

constexpr std::int64_t panels(std::int64_t count) { return (count + kPanel - 1) / kPanel; }
constexpr std::int64_t padded(std::int64_t count) { return panels(count) * kPanel; }

// Elements in one word.
template <class T>
inline constexpr std::int64_t kPair = 4 / sizeof(T);

// Element (i, k) at data[i * row + k / 32 * step + k % 32].
template <class T>
struct Left {
  const T* data;
  std::int64_t row, step;
};

// One panel of 32 columns: 32 `steps` rows, without gaps.
template <class T>
struct Right {
  const T* data;
  std::int64_t steps;
};

// [32 count, 32] fp32.
struct Sums {
  float* data;
  std::int64_t row, count;
  bool accumulate;
};

// The products of one thread, for the length of one block: construction readies AMX where there is some.
template <class T>
class BlockProducts {
 public:
  BlockProducts();
  ~BlockProducts();
  BlockProducts(const BlockProducts&) = delete;
  BlockProducts& operator=(const BlockProducts&) = delete;

  void run(const Left<T>& a, const Right<T>& b, const Sums& c) const;

 private:
  bool amx_;
};

// For those that know what the processor has: c[32, 32] (+)= a b.
template <class T>
void multiply_by_vectors(const Left<T>& a, const Right<T>& b, const Sums& c);
void multiply_by_amx(const Left<Bf16>& a, const Right<Bf16>& b, const Sums& c);

}  // namespace scalebench::cpu
