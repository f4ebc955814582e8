// Sums over a few rows in fp32 and many of any dtype, which are read once.
//
// Rows are taken in words of 32 bits, so that bf16 needs no shuffling: a step of kLanes words is one register of fp32,
// or two of the even and the odd numbers of bf16 or fp16. The few rows are kept "split" likewise,
// [steps][pair][kLanes].
#pragma once

#include <algorithm>
#include <utility>

#include "kernels/cpu/block_products.hpp"
#include "kernels/cpu/vectors.hpp"

namespace scalebench::cpu {

template <class T>
inline constexpr std::int64_t kStep = kLanes* kPair<T>;  // elements

template <class T>
constexpr std::int64_t stepped(std::int64_t count) {
  return (count + kStep<T> - 1) / kStep<T> * kStep<T>;
}

inline std::array<Floats, 1> load_split(const float* from) { return {load<Floats>(from)}; }
inline std::array<Floats, 2> load_split(const Bf16* from) {
  const auto words = load<Words>(from);
  return {std::bit_cast<Floats>(words << 16), std::bit_cast<Floats>(words & 0xFFFF0000U)};
}
inline std::array<Floats, 2> load_split(const Half* from) {
  const auto words = load<Words>(from);
  return {floats_of_halves(words & 0xFFFFU), floats_of_halves(words >> 16)};
}

// 2^24 times four numbers, of which the first is the lowest in its word: at the top of a word, where they need no
// shift back to keep their sign.
inline constexpr float kByteScale = 0x1p-24F;
inline std::array<Floats, 4> load_split(const std::int8_t* from) {
  const auto words = load<Words>(from);
  const auto part = [](Words word) {
    return __builtin_convertvector(std::bit_cast<Integers>(word & 0xFF000000U), Floats);
  };
  return {part(words << 24), part(words << 16), part(words << 8), part(words)};
}

// The last `count` elements of a row, zeros behind them.
template <class T>
auto load_split_end(const T* from, std::int64_t count) {
  std::array<T, kStep<T>> end{};
  std::copy_n(from, count, end.begin());
  return load_split(end.data());
}

// A row split as rows of T are; zeros behind it. `factor` times.
template <class T, class From>
void split_row(const From* from, std::int64_t count, float factor, float* to) {
  for (std::int64_t i = 0; i < stepped<T>(count); ++i) {
    const std::int64_t place = i / kStep<T> * kStep<T> + i % kPair<T> * kLanes + i % kStep<T> / kPair<T>;
    to[place] = i < count ? factor * to_float(from[i]) : 0.0F;
  }
}

// The opposite.
template <class T, class To>
void join_row(const float* from, std::int64_t count, float factor, To* to) {
  for (std::int64_t i = 0; i < count; ++i) {
    const std::int64_t place = i / kStep<T> * kStep<T> + i % kPair<T> * kLanes + i % kStep<T> / kPair<T>;
    to[i] = from_float<To>(factor * from[place]);
  }
}

template <int Half, int... Lane>
Floats folded(Floats x, std::integer_sequence<int, Lane...>) {
  return x + __builtin_shufflevector(x, x, (Lane ^ Half)...);
}

template <int Half = kLanes / 2>
float sum_of(Floats x) {
  if constexpr (Half == 0)
    return x[0];
  else
    return sum_of<Half / 2>(folded<Half>(x, std::make_integer_sequence<int, kLanes>{}));
}

// Rows of T, `pitch` apart, and the few split rows that they are multiplied with.
template <class T>
struct Dots {
  const T* rows;
  std::int64_t pitch, width;
  const float* few;  // [Few][stepped width]
  const T* ahead;    // rows that are brought near meanwhile, as far apart
  float* to;         // [Few][Rows]
  std::int64_t to_pitch;
};

// Each result is one sum in the order of the elements, whatever the other parameters are. At each step the next line of
// `Near` of the rows ahead is fetched, of others in each of `Turns` turns: Near * Turns rows, 1 / Turns of their width.
template <int Few, int Rows, int Near, int Turns, class T>
void multiply_few(const Dots<T>& on) {
  constexpr std::size_t kParts = kPair<T>;
  const std::int64_t few_pitch = stepped<T>(on.width);
  std::array<std::array<Floats, Rows>, Few> sums{};
  const auto add = [&](std::int64_t i, const auto& load_part) {
    std::array<std::array<Floats, kParts>, Rows> parts;
#pragma GCC unroll 8
    for (std::size_t r = 0; r < Rows; ++r) parts[r] = load_part(on.rows + static_cast<std::int64_t>(r) * on.pitch + i);
#pragma GCC unroll 8
    for (std::size_t f = 0; f < Few; ++f)
#pragma GCC unroll 2
      for (std::size_t p = 0; p < kParts; ++p) {
        const auto one =
            load<Floats>(on.few + static_cast<std::int64_t>(f) * few_pitch + i + static_cast<std::int64_t>(p) * kLanes);
#pragma GCC unroll 8
        for (std::size_t r = 0; r < Rows; ++r) sums[f][r] += one * parts[r][p];
      }
  };
  const auto whole_part = [](const T* from) { return load_split(from); };
  const std::int64_t whole = on.width / kStep<T> * kStep<T>;
  std::int64_t i = 0;
  for (const T* ahead = on.ahead; i + Turns * kStep<T> <= whole; ahead += kStep<T>)
    for (int turn = 0; turn < Turns; ++turn, i += kStep<T>) {
#pragma GCC unroll 8
      for (int r = 0; r < Near; ++r) __builtin_prefetch(ahead + (turn * Near + r) * on.pitch, 0, 2);
      add(i, whole_part);
    }
  for (; i < whole; i += kStep<T>) add(i, whole_part);
  if (whole < on.width) add(whole, [&](const T* from) { return load_split_end(from, on.width - whole); });
#pragma GCC unroll 8
  for (std::size_t f = 0; f < Few; ++f)
#pragma GCC unroll 8
    for (std::size_t r = 0; r < Rows; ++r)
      on.to[static_cast<std::int64_t>(f) * on.to_pitch + static_cast<std::int64_t>(r)] = sum_of(sums[f][r]);
}

// With more of them at once more rows would be read for each that is kept in the first-level cache.
inline constexpr int kMostFew = 4;

// Rows that fit into registers beside `few` others: many, because the memory then has more to do at once.
constexpr int rows_beside(int few) { return few <= 3 ? 8 : 6; }

// `few` <= kMostFew rows by `count` others, a multiple of 4 as a rule; those `ahead` elements further are brought near.
template <int Few = kMostFew, class T>
void multiply_few(int few, std::int64_t count, Dots<T> on, std::int64_t ahead) {
  if constexpr (Few > 1)
    if (few < Few) return multiply_few<Few - 1>(few, count, on, ahead);
  constexpr int kRows = 4;
  const auto next = [&](std::int64_t rows) { on.rows += rows * on.pitch, on.to += rows, count -= rows; };
  for (; count >= kRows; next(kRows)) {
    on.ahead = on.rows + ahead;
    multiply_few<Few, kRows, kRows, 1>(on);
  }
  for (; count > 0; next(1)) {
    on.ahead = on.rows + ahead;
    multiply_few<Few, 1, 1, 1>(on);
  }
}

// The opposite: rows of T, each added to the few sums with its weight.
template <class T>
struct Blend {
  const T* rows;
  std::int64_t count, pitch, width;
  const float* weights;  // [Few][count]
  std::int64_t weights_pitch;
  float* sums;         // [Few][stepped width], split
  std::int64_t ahead;  // from a row to what is brought near meanwhile
};

template <int Few, class T>
void add_few(const Blend<T>& on) {
  constexpr std::size_t kParts = kPair<T>;
  const std::int64_t pitch = stepped<T>(on.width);
  const auto add = [&](std::int64_t i, const auto& load_part) {
    std::array<std::array<Floats, kParts>, Few> sums;
    const auto place = [&](std::size_t f, std::size_t p) {
      return on.sums + static_cast<std::int64_t>(f) * pitch + i + static_cast<std::int64_t>(p) * kLanes;
    };
    for (std::size_t f = 0; f < Few; ++f)
      for (std::size_t p = 0; p < kParts; ++p) sums[f][p] = load<Floats>(place(f, p));
    const T* row = on.rows + i;
    for (std::int64_t n = 0; n < on.count; ++n, row += on.pitch) {
      __builtin_prefetch(row + on.ahead, 0, 2);
      const auto parts = load_part(row);
#pragma GCC unroll 8
      for (std::size_t f = 0; f < Few; ++f)
        for (std::size_t p = 0; p < kParts; ++p)
          sums[f][p] += on.weights[static_cast<std::int64_t>(f) * on.weights_pitch + n] * parts[p];
    }
    for (std::size_t f = 0; f < Few; ++f)
      for (std::size_t p = 0; p < kParts; ++p) store(sums[f][p], place(f, p));
  };
  const std::int64_t whole = on.width / kStep<T> * kStep<T>;
  for (std::int64_t i = 0; i < whole; i += kStep<T>) add(i, [](const T* from) { return load_split(from); });
  if (whole < on.width) add(whole, [&](const T* from) { return load_split_end(from, on.width - whole); });
}

template <int Few = kMostFew, class T>
void add_few(int few, const Blend<T>& on) {
  if constexpr (Few > 1)
    if (few < Few) return add_few<Few - 1>(few, on);
  add_few<Few>(on);
}

}  // namespace scalebench::cpu
