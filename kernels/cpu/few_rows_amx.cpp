// Weights as the left tiles, straight from memory: 16 rows side by side; the few rows of a as the right one.
#include <array>
#include <cstring>

#include <immintrin.h>

#include "kernels/cpu/amx.hpp"
#include "kernels/cpu/block_products.hpp"
#include "kernels/cpu/few_rows.hpp"

namespace scalebench::cpu {

namespace {

constexpr std::int64_t kTile = 16;  // rows of a tile

// Tile 0: sums [16 weight rows, m]; 1: weights [16, 32 k]; 2: a [16 pairs of k, m].
struct alignas(64) Configuration {
  std::uint8_t palette = 1, start = 0, reserved[14]{};
  std::uint16_t row_bytes[16]{0, 64};
  std::uint8_t rows[16]{kTile, kTile, kTile};
  explicit Configuration(std::int64_t m) { row_bytes[0] = row_bytes[2] = static_cast<std::uint16_t>(4 * m); }
};
static_assert(sizeof(Configuration) == 64);

// The end of the weights: [count rows][width of 32 k], zeros elsewhere.
struct End {
  alignas(64) std::array<Bf16, kTile * kPanel> tile{};
  End(const Bf16* from, std::int64_t pitch, std::int64_t count, std::int64_t width) {
    for (std::int64_t row = 0; row < count; ++row)
      std::memcpy(tile.data() + row * kPanel, from + row * pitch, static_cast<std::size_t>(width) * sizeof(Bf16));
  }
};

// sums [16][m] of weight rows from `from` on.
void sum_tile(const ProductShape& shape, const Bf16* a, const Bf16* from, std::int64_t count, float* sums) {
  const std::int64_t m = shape.c.rows, pitch = shape.b.column_stride, depth = shape.a.columns;
  const std::int64_t whole = count == kTile ? depth / kPanel * kPanel : 0;
  _tile_zero(0);
  for (std::int64_t k = 0; k < whole; k += kPanel) {
#pragma GCC unroll 16
    for (std::int64_t row = 0; row < kTile; ++row) __builtin_prefetch(from + (row + kTile) * pitch + k, 0, 2);
    _tile_loadd(2, a + k * m, 4 * m);
    _tile_loadd(1, from + k, 2 * pitch);
    _tile_dpbf16ps(0, 1, 2);
  }
  for (std::int64_t k = whole; k < depth; k += kPanel) {
    const End end(from + k, pitch, count, std::min(kPanel, depth - k));
    asm volatile("" ::: "memory");  // the compiler doesn't see what tiles are loaded from
    _tile_loadd(2, a + k * m, 4 * m);
    _tile_loadd(1, end.tile.data(), 64);
    _tile_dpbf16ps(0, 1, 2);
  }
  _tile_stored(0, sums, 4 * m);
  asm volatile("" ::: "memory");
}

template <class C>
void multiply(const ProductShape& shape, const Bf16* a, const Bf16* b, C* c, Columns columns) {
  const std::int64_t m = shape.c.rows;
  alignas(64) std::array<float, kTile * kMostFewRows> sums;
  for (std::int64_t j = columns.begin; j < columns.end; j += kTile) {
    const std::int64_t count = std::min(kTile, columns.end - j);
    sum_tile(shape, a, b + j * shape.b.column_stride, count, sums.data());
    for (std::int64_t i = 0; i < m; ++i)
      for (std::int64_t n = 0; n < count; ++n)
        c[i * shape.c.row_stride + j + n] = from_float<C>(sums[static_cast<std::size_t>(n * m + i)]);
  }
}

}  // namespace

void multiply_few_rows_by_amx(const ProductShape& shape, const Bf16* a, const Bf16* b, void* c, Columns columns) {
  const Configuration configuration(shape.c.rows);
  asm volatile("" ::: "memory");
  _tile_loadconfig(&configuration);
  if (shape.c.dtype == DType::f32)
    multiply(shape, a, b, static_cast<float*>(c), columns);
  else
    multiply(shape, a, b, static_cast<Bf16*>(c), columns);
  leave_amx();
}

}  // namespace scalebench::cpu
