// The intrinsics here are opaque to the compiler, which doesn't know that they read and write memory: hence the
// barriers.
#include "kernels/cpu/amx.hpp"

#include <immintrin.h>

#include "kernels/cpu/block_products.hpp"
#include "kernels/cpu/onednn.hpp"

namespace scalebench::cpu {

namespace {

struct alignas(64) Configuration {
  std::uint8_t palette = 1, start = 0, reserved[14]{};
  std::uint16_t row_bytes[16]{64, 64, 64, 64, 64, 64, 64, 64};
  std::uint8_t rows[16]{16, 16, 16, 16, 16, 16, 16, 16};
};
static_assert(sizeof(Configuration) == 64);

constexpr std::int64_t kTile = 16;  // rows of a tile, and words in each of them

void barrier() { asm volatile("" ::: "memory"); }

}  // namespace

bool has_amx() {
  static const bool has = onednn_uses_amx();
  return has;
}

void ready_amx() {
  const Configuration configuration;
  barrier();
  _tile_loadconfig(&configuration);
}

void leave_amx() { _tile_release(); }

// Tiles 0 to 3 are a block of c, 4 and 5 of a, 6 and 7 of b.
void multiply_by_amx(const Left<Bf16>& a, const Right<Bf16>& b, const Sums& c) {
  barrier();
  const std::int64_t a_row = a.row * 2, b_row = kPanel * 4, c_row = c.row * 4;  // bytes
  for (std::int64_t block = 0; block < c.count; ++block) {
    float* const upper = c.data + block * kPanel * c.row;
    float* const lower = upper + kTile * c.row;
    if (c.accumulate) {
      _tile_loadd(0, upper, c_row);
      _tile_loadd(1, upper + kTile, c_row);
      _tile_loadd(2, lower, c_row);
      _tile_loadd(3, lower + kTile, c_row);
    } else {
      _tile_zero(0);
      _tile_zero(1);
      _tile_zero(2);
      _tile_zero(3);
    }
    const Bf16 *left = a.data + block * kPanel * a.row, *right = b.data;
    for (std::int64_t step = 0; step < b.steps; ++step, left += a.step, right += kPanel * kPanel) {
      _tile_loadd(4, left, a_row);
      _tile_loadd(6, right, b_row);
      _tile_dpbf16ps(0, 4, 6);
      _tile_loadd(7, right + kTile * 2, b_row);
      _tile_dpbf16ps(1, 4, 7);
      _tile_loadd(5, left + kTile * a.row, a_row);
      _tile_dpbf16ps(2, 5, 6);
      _tile_dpbf16ps(3, 5, 7);
    }
    _tile_stored(0, upper, c_row);
    _tile_stored(1, upper + kTile, c_row);
    _tile_stored(2, lower, c_row);
    _tile_stored(3, lower + kTile, c_row);
  }
  barrier();
}

}  // namespace scalebench::cpu
