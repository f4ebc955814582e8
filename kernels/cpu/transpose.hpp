// Transposition of dense matrices by tiles of 16 x 16 that stay in registers.
#pragma once

#include <array>
#include <cstring>
#include <utility>

#include "kernels/cpu/vectors.hpp"

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

// Calls load(row, column, tile_row) and store(row, column, tile_row) for each 16 of a row of [rows, columns] and of its
// transpose; both sizes are multiples of 16.
template <class Load, class Store>
inline void transpose_tiles(std::int64_t rows, std::int64_t columns, const Load& load, const Store& store) {
  Tile tile;
  for (std::int64_t r = 0; r < rows; r += kTile)
    for (std::int64_t c = 0; c < columns; c += kTile) {
      for (std::int64_t i = 0; i < kTile; ++i) load(r + i, c, tile[static_cast<std::size_t>(i)]);
      transpose_tile(tile);
      for (std::int64_t i = 0; i < kTile; ++i) store(c + i, r, tile[static_cast<std::size_t>(i)]);
    }
}

// to[column][row] = from[row][column], [rows, columns], multiples of 16.
template <class From, class To>
void transpose(const From* from, std::int64_t rows, std::int64_t columns, To* to) {
  std::array<float, kTile> wide{};
  transpose_tiles(
      rows, columns,
      [&](std::int64_t row, std::int64_t column, TileRow& tile_row) {
        for (std::int64_t j = 0; j < kTile; j += kLanes)
          store(load_floats(from + row * columns + column + j), wide.data() + j);
        std::memcpy(&tile_row, wide.data(), sizeof(tile_row));
      },
      [&](std::int64_t row, std::int64_t column, const TileRow& tile_row) {
        std::memcpy(wide.data(), &tile_row, sizeof(tile_row));
        for (std::int64_t j = 0; j < kTile; j += kLanes)
          store_floats(load<Floats>(wide.data() + j), to + row * rows + column + j);
      });
}

// The same, of words of 32 bits that stay as they are.
template <class T>
void transpose_words(const T* from, std::int64_t rows, std::int64_t columns, T* to) {
  constexpr std::int64_t kElements = 4 / sizeof(T);
  transpose_tiles(
      rows, columns,
      [&](std::int64_t row, std::int64_t column, TileRow& tile_row) {
        std::memcpy(&tile_row, from + (row * columns + column) * kElements, sizeof(tile_row));
      },
      [&](std::int64_t row, std::int64_t column, const TileRow& tile_row) {
        std::memcpy(to + (row * rows + column) * kElements, &tile_row, sizeof(tile_row));
      });
}

}  // namespace scalebench::cpu
