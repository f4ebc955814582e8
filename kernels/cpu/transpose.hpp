// Transposition of dense matrices by tiles of 16 x 16 that stay in registers.
#pragma once

#include <array>
#include <cstring>
#include <utility>

#include "kernels/cpu/numbers.hpp"

namespace scalebench::cpu {

inline constexpr int kTile = 16;
using TileRow = float __attribute__((vector_size(kTile * sizeof(float))));
using Tile = std::array<TileRow, kTile>;

// Which of the 32 elements of rows (a, b) the row a (low) or b takes, when blocks of `block` x `block` change places.
constexpr int swapped(int block, bool low, int i) {
  const bool upper = (i & block) != 0;
  if (low) return upper ? kTile + i - block : i;
  return upper ? kTile + i : i + block;
}

template <int Block, int Row, int... I>
inline void swap_blocks(Tile& tile, std::integer_sequence<int, I...>) {
  if constexpr ((Row & Block) == 0) {
    const TileRow a = tile[Row], b = tile[Row + Block];
    tile[Row] = __builtin_shufflevector(a, b, swapped(Block, true, I)...);
    tile[Row + Block] = __builtin_shufflevector(a, b, swapped(Block, false, I)...);
  }
}

template <int Block, int... Row>
inline void swap_blocks_of_rows(Tile& tile, std::integer_sequence<int, Row...> rows) {
  (swap_blocks<Block, Row>(tile, rows), ...);
}

inline void transpose_tile(Tile& tile) {
  constexpr std::make_integer_sequence<int, kTile> all{};
  swap_blocks_of_rows<8>(tile, all);
  swap_blocks_of_rows<4>(tile, all);
  swap_blocks_of_rows<2>(tile, all);
  swap_blocks_of_rows<1>(tile, all);
}

// to[column][row] = from[row][column], [rows, columns].
template <class From, class To>
void transpose(const From* from, std::int64_t rows, std::int64_t columns, To* to) {
  const std::int64_t whole_rows = rows / kTile * kTile, whole_columns = columns / kTile * kTile;
  std::array<float, kTile> row{};
  Tile tile;
  for (std::int64_t r = 0; r < whole_rows; r += kTile)
    for (std::int64_t c = 0; c < whole_columns; c += kTile) {
      for (std::size_t i = 0; i < kTile; ++i) {
        const From* const source = from + (r + static_cast<std::int64_t>(i)) * columns + c;
        for (std::size_t j = 0; j < kTile; ++j) row[j] = to_float(source[j]);
        std::memcpy(&tile[i], row.data(), sizeof(row));
      }
      transpose_tile(tile);
      for (std::size_t i = 0; i < kTile; ++i) {
        To* const target = to + (c + static_cast<std::int64_t>(i)) * rows + r;
        std::memcpy(row.data(), &tile[i], sizeof(row));
        for (std::size_t j = 0; j < kTile; ++j) target[j] = from_float<To>(row[j]);
      }
    }
  for (std::int64_t r = 0; r < rows; ++r)
    for (std::int64_t c = r < whole_rows ? whole_columns : 0; c < columns; ++c)
      to[c * rows + r] = from_float<To>(to_float(from[r * columns + c]));
}

}  // namespace scalebench::cpu
