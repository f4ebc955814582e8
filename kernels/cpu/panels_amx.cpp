#include "kernels/cpu/panels_amx.hpp"

#include <array>
#include <cstring>

#include <immintrin.h>

#include "kernels/cpu/amx.hpp"
#include "kernels/cpu/transpose.hpp"

namespace scalebench::cpu {

namespace {

constexpr std::int64_t kSide = 16;                  // rows of a tile, each of 64 bytes
constexpr std::int64_t kTileCount = kSide * 32;     // bf16 of a tile
constexpr std::int64_t kLine = kTileCount / kSide;  // bf16 of a row

// Element pairs [16 i][16 pairs of k], from rows along k.
Tile load_along(const Bf16* from, std::int64_t stride) {
  Tile tile;
  for (std::size_t i = 0; i < kSide; ++i) std::memcpy(&tile[i], from + static_cast<std::int64_t>(i) * stride, 64);
  return tile;
}

// Element pairs [16 pairs of k][16 i], from rows along i.
Tile load_across(const Bf16* from, std::int64_t pitch) {
  Tile tile;
  std::array<std::uint32_t, kSide> pairs;
  for (std::size_t pair = 0; pair < kSide; ++pair, from += 2 * pitch) {
#pragma omp simd
    for (std::int64_t i = 0; i < kSide; ++i)
      pairs[static_cast<std::size_t>(i)] = from[i].bits | static_cast<std::uint32_t>(from[i + pitch].bits) << 16;
    std::memcpy(&tile[pair], pairs.data(), sizeof(pairs));
  }
  return tile;
}

// The end of an operand, with zeros behind it: [16 i][16 pairs of k].
Tile load_end(const Side<Bf16>& from, Range i, Range k) {
  std::array<Bf16, kTileCount> all{};
  for (std::int64_t row = 0; row < std::min(i.size(), kSide); ++row)
    for (std::int64_t d = 0; d < std::min(k.size(), kLine); ++d)
      all[static_cast<std::size_t>(row * kLine + d)] = *from.at(i.begin + row, k.begin + d);
  return load_along(all.data(), kLine);
}

// Tiles of [16 i][16 pairs] where `along`, else [16 pairs][16 i].
template <bool Along>
void pack(const Side<Bf16>& from, Range i, Range k, Bf16* to) {
  for (; k.begin < k.end; k.begin += kLine)
    for (Range half{i.begin, i.end}; half.begin < i.begin + 2 * kSide; half.begin += kSide, to += kTileCount) {
      const bool whole = half.size() >= kSide && k.size() >= kLine;
      const bool along = !whole || from.pitch == 1;
      Tile tile = !whole  ? load_end(from, half, k)
                  : along ? load_along(from.at(half.begin, k.begin), from.stride)
                          : load_across(from.at(half.begin, k.begin), from.pitch);
      if (along != Along) transpose_tile(tile);
      std::memcpy(to, tile.data(), sizeof(tile));
    }
}

}  // namespace

bool AmxKernel::available() { return has_amx(); }
AmxKernel::Session::Session() { ready_amx(); }
AmxKernel::Session::~Session() { leave_amx(); }

void AmxKernel::pack_rows(const Side<Bf16>& from, Range i, Range k, Bf16* to) { pack<true>(from, i, k, to); }
void AmxKernel::pack_columns(const Side<Bf16>& from, Range i, Range k, Bf16* to) { pack<false>(from, i, k, to); }

template <bool StreamRows>
void AmxKernel::multiply(const Bf16* rows, const Bf16* columns, std::int64_t depth, float* c, std::int64_t pitch,
                         bool add, const Ahead& ahead) {
  const std::int64_t line = pitch * static_cast<std::int64_t>(sizeof(float));
  float* const below = c + kSide * pitch;
  const float* next = ahead.c;
  const auto *first = static_cast<const std::byte*>(ahead.first), *second = static_cast<const std::byte*>(ahead.second);
  asm volatile("" ::: "memory");  // the compiler doesn't see what tiles are loaded from
  if (add) {
    _tile_loadd(0, c, line);
    _tile_loadd(1, c + kSide, line);
    _tile_loadd(2, below, line);
    _tile_loadd(3, below + kSide, line);
  } else {
    _tile_zero(0);
    _tile_zero(1);
    _tile_zero(2);
    _tile_zero(3);
  }
  for (; depth > 0; depth -= kStep, rows += 2 * kTileCount, columns += 2 * kTileCount) {
    if constexpr (StreamRows) {
      _tile_stream_loadd(4, rows, 64);
      _tile_loadd(6, columns, 64);
      _tile_loadd(7, columns + kTileCount, 64);
      _tile_stream_loadd(5, rows + kTileCount, 64);
    } else {
      _tile_loadd(4, rows, 64);
      _tile_stream_loadd(6, columns, 64);
      _tile_stream_loadd(7, columns + kTileCount, 64);
      _tile_loadd(5, rows + kTileCount, 64);
    }
    _tile_dpbf16ps(0, 4, 6);
    __builtin_prefetch(next, 1);
    __builtin_prefetch(next + kSide, 1);
    __builtin_prefetch(first, 0, 2);
    _tile_dpbf16ps(1, 4, 7);
    _tile_dpbf16ps(2, 5, 6);
    __builtin_prefetch(next + pitch, 1);
    __builtin_prefetch(next + pitch + kSide, 1);
    __builtin_prefetch(second, 0, 2);
    _tile_dpbf16ps(3, 5, 7);
    next += 2 * pitch, first += ahead.step, second += ahead.step;
  }
  _tile_stored(0, c, line);
  _tile_stored(1, c + kSide, line);
  _tile_stored(2, below, line);
  _tile_stored(3, below + kSide, line);
}

template void AmxKernel::multiply<true>(const Bf16*, const Bf16*, std::int64_t, float*, std::int64_t, bool,
                                        const Ahead&);
template void AmxKernel::multiply<false>(const Bf16*, const Bf16*, std::int64_t, float*, std::int64_t, bool,
                                         const Ahead&);

}  // namespace scalebench::cpu
