#include "kernels/cpu/block_products.hpp"

#include <array>

#include "kernels/cpu/amx.hpp"
#include "kernels/cpu/vectors.hpp"

namespace scalebench::cpu {

namespace {

// A tile of the result that stays in registers: kRows x kVectors registers, beside kVectors of b and one of a.
constexpr int kRows = kLanes == 16 ? 8 : 4, kVectors = 2;

Floats multiply_add(float a, Floats b, Floats sum) { return sum + a * b; }

// Products of both halves of the words.
Floats multiply_add(std::uint32_t a, Words b, Floats sum) {
  const auto high = [](auto word) { return word & 0xFFFF0000U; };
  const Floats even = std::bit_cast<float>(a << 16) * std::bit_cast<Floats>(b << 16);
  return sum + even + std::bit_cast<float>(high(a)) * std::bit_cast<Floats>(high(b));
}

template <class T>
using Word = std::conditional_t<sizeof(T) == 4, float, std::uint32_t>;
template <class T>
using WordVector = std::conditional_t<sizeof(T) == 4, Floats, Words>;

// Rows from `row` on, columns from `column` on.
template <class T>
void multiply_tile(const Left<T>& a, const Right<T>& b, const Sums& c, std::int64_t row, std::int64_t column) {
  constexpr std::int64_t kWords = kPanel / kPair<T>;
  std::array<std::array<Floats, kVectors>, kRows> sums{};
  if (c.accumulate)
    for (int r = 0; r < kRows; ++r)
      for (int v = 0; v < kVectors; ++v) __builtin_prefetch(c.data + (row + r) * c.row + column + v * kLanes, 1);
  const T* right = b.data + column * kPair<T>;
  for (std::int64_t step = 0; step < b.steps; ++step) {
    const T* left = a.data + row * a.row + step * a.step;
    for (std::int64_t word = 0; word < kWords; ++word, left += kPair<T>, right += kPanel * kPair<T>) {
      std::array<WordVector<T>, kVectors> columns;
      for (int v = 0; v < kVectors; ++v) columns[v] = load<WordVector<T>>(right + v * kLanes * kPair<T>);
#pragma GCC unroll 8
      for (int r = 0; r < kRows; ++r) {
        const auto one = load<Word<T>>(left + r * a.row);
        for (int v = 0; v < kVectors; ++v) sums[r][v] = multiply_add(one, columns[v], sums[r][v]);
      }
    }
  }
#pragma GCC unroll 8
  for (int r = 0; r < kRows; ++r)
    for (int v = 0; v < kVectors; ++v) {
      float* const to = c.data + (row + r) * c.row + column + v * kLanes;
      store(c.accumulate ? load<Floats>(to) + sums[r][v] : sums[r][v], to);
    }
}

}  // namespace

template <class T>
void multiply_by_vectors(const Left<T>& a, const Right<T>& b, const Sums& c) {
  for (std::int64_t column = 0; column < kPanel; column += kVectors * kLanes)
    for (std::int64_t row = 0; row < c.count * kPanel; row += kRows) multiply_tile(a, b, c, row, column);
}

template <class T>
BlockProducts<T>::BlockProducts() : amx_(sizeof(T) == 2 && has_amx()) {
  if (amx_) ready_amx();
}

template <class T>
BlockProducts<T>::~BlockProducts() {
  if (amx_) leave_amx();
}

template <class T>
void BlockProducts<T>::run(const Left<T>& a, const Right<T>& b, const Sums& c) const {
  if constexpr (sizeof(T) == 2)
    if (amx_) return multiply_by_amx(a, b, c);
  multiply_by_vectors(a, b, c);
}

template class BlockProducts<float>;
template class BlockProducts<Bf16>;
template void multiply_by_vectors(const Left<float>&, const Right<float>&, const Sums&);
template void multiply_by_vectors(const Left<Bf16>&, const Right<Bf16>&, const Sums&);

}  // namespace scalebench::cpu
