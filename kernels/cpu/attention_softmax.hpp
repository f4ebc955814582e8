// The softmax of one panel of queries, keys block by block: weights are 2^(score * scale - reference), divided by their
// sum at the end.
#pragma once

#include <limits>

#include "kernels/cpu/block_products.hpp"
#include "kernels/cpu/vectors.hpp"

namespace scalebench::cpu {

// A reference that is exceeded by less than this stays the reference of the exponentials (in base 2), so that what was
// summed before is rarely scaled anew; weights up to 2^8 cost no digits.
inline constexpr float kSlack = 8;
inline constexpr float kHidden = -std::numeric_limits<float>::infinity();
// The reference before the first key. Behind a window rows may begin with a block of keys of which they see none: from
// a finite one on, what they sum there shrinks to nothing with the first key that they see.
inline constexpr float kNoneYet = -1e30F;

// One number for each query of a panel.
inline constexpr std::size_t kRegisters = kPanel / kLanes;
using Row = std::array<Floats, kRegisters>;

inline Row load_row(const float* from) {
  Row row;
  for (std::size_t v = 0; v < kRegisters; ++v) row[v] = load<Floats>(from + v * kLanes);
  return row;
}

inline void store_row(const Row& row, float* to) {
  for (std::size_t v = 0; v < kRegisters; ++v) store(row[v], to + v * kLanes);
}

inline Row filled_row(float x) {
  Row row;
  row.fill(splat(x));
  return row;
}

inline Row reciprocal(Row row) {
  for (Floats& x : row) x = 1.0F / x;
  return row;
}

// [count, 32], each column times its factor.
inline void scale_columns(float* data, std::int64_t count, const Row& factors) {
  for (std::int64_t i = 0; i < count; ++i, data += kPanel) {
    Row row = load_row(data);
    for (std::size_t v = 0; v < kRegisters; ++v) row[v] *= factors[v];
    store_row(row, data);
  }
}

// Of each column of [keys, 32]; four rows at a time, because one would wait for the one before.
inline Row highest_of(const float* scores, std::int64_t keys) {
  std::array<Row, 4> highest;
  highest.fill(filled_row(kHidden));
  for (std::int64_t key = 0; key < keys; key += 4)
    for (Row& so_far : highest) {
      const Row row = load_row(scores);
      for (std::size_t v = 0; v < kRegisters; ++v) so_far[v] = larger(row[v], so_far[v]);
      scores += kPanel;
    }
  for (std::size_t i = 1; i < 4; ++i)
    for (std::size_t v = 0; v < kRegisters; ++v) highest[0][v] = larger(highest[i][v], highest[0][v]);
  return highest[0];
}

class Softmax {
 public:
  // Goes on from `reference` and `sum` [32], or begins with the reference `start` and sets them.
  Softmax(float* reference, float* sum, bool begin, float start)
      : to_reference_(reference),
        to_sum_(sum),
        reference_(begin ? filled_row(start) : load_row(reference)),
        sum_(begin ? filled_row(0) : load_row(sum)) {}
  ~Softmax() { store_row(reference_, to_reference_), store_row(sum_, to_sum_); }
  Softmax(const Softmax&) = delete;
  Softmax& operator=(const Softmax&) = delete;

  // Whether what was summed before must shrink().
  bool raise(const float* scores, std::int64_t keys, float scale) {
    const Row highest = highest_of(scores, keys);
    Integers raised{};
    for (std::size_t v = 0; v < kRegisters; ++v) {
      const Floats before = reference_[v], now = highest[v] * scale + kSlack;
      const Integers raises = now > before + kSlack;
      shrunk_[v] = raises ? exp2_of_negative<6>(before - now) : splat(1);
      reference_[v] = raises ? now : before;
      sum_[v] *= shrunk_[v];
      raised |= raises;
    }
    std::int32_t any = 0;
    for (std::int64_t lane = 0; lane < kLanes; ++lane) any |= raised[lane];
    return any != 0;
  }

  void shrink(float* columns, std::int64_t count) const { scale_columns(columns, count, shrunk_); }

  // weights [keys / pair, 32, pair] of scores [keys, 32]; may be in place.
  template <class T>
  void weigh(const float* scores, std::int64_t keys, float scale, T* weights) {
    for (std::int64_t key = 0; key < keys; key += kPair<T>)
      for (std::size_t v = 0; v < kRegisters; ++v) {
        const auto weight = [&](std::int64_t i) {
          const Floats score = load<Floats>(scores + (key + i) * kPanel + v * kLanes);
          const Floats result = exp2_of_negative<kExpDegree<T>>(score * scale - reference_[v]);
          sum_[v] += result;
          return result;
        };
        T* const to = weights + key * kPanel + v * kLanes * kPair<T>;
        if constexpr (kPair<T> == 2)
          store_words(weight(0), weight(1), to);
        else
          store(weight(0), to);
      }
  }

 private:
  float *to_reference_, *to_sum_;
  Row reference_, sum_, shrunk_{};
};

}  // namespace scalebench::cpu
