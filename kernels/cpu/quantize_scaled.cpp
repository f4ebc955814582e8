// QuantizeScaled by tiles of 128 x 128, which every kind of block divides. Compiled without -ffast-math: its bits are
// promised.
#include <algorithm>
#include <array>
#include <cstring>
#include <vector>

#include "kernels/cpu/compute.hpp"
#include "kernels/cpu/context.hpp"
#include "kernels/cpu/numbers.hpp"

namespace scalebench::cpu {

namespace {

constexpr std::int64_t kSide = 128;
using Tile = std::array<std::array<float, kSide>, kSide>;

// Rows and columns of one tile.
struct Part {
  std::int64_t row, column, height, width;
};

struct Cut {
  std::int64_t rows, columns, across = (columns + kSide - 1) / kSide;
  std::int64_t count() const { return (rows + kSide - 1) / kSide * across; }
  Part operator[](std::int64_t i) const {
    const std::int64_t row = i / across * kSide, column = i % across * kSide;
    return {row, column, std::min(kSide, rows - row), std::min(kSide, columns - column)};
  }
};

template <class T>
void load_tile(const Tensor& from, const Part& part, Tile& tile) {
  const T* const first = data_of<const T>(from) + part.row * from.stride(0) + part.column * from.stride(1);
  const bool turned = from.stride(1) != 1;
  const std::int64_t outer = turned ? part.width : part.height, inner = turned ? part.height : part.width;
  const std::int64_t pitch = from.stride(turned ? 1 : 0), step = from.stride(turned ? 0 : 1);
  for (std::int64_t o = 0; o < outer; ++o)
    for (std::int64_t i = 0; i < inner; ++i)
      tile[static_cast<std::size_t>(turned ? i : o)][static_cast<std::size_t>(turned ? o : i)] =
          to_float(first[o * pitch + i * step]);
}

// Of a part of the tile; what is not finite wins.
float largest_of(const Tile& tile, std::int64_t row, std::int64_t height, std::int64_t column, std::int64_t width) {
  std::uint32_t largest = 0;  // the bits of |x| are in the order of the numbers, NaN above all
  for (std::int64_t r = row; r < row + height; ++r)
    for (std::int64_t c = column; c < column + width; ++c)
      largest = std::max(
          largest,
          std::bit_cast<std::uint32_t>(tile[static_cast<std::size_t>(r)][static_cast<std::size_t>(c)]) & 0x7FFFFFFFU);
  return std::bit_cast<float>(largest);
}

template <class T>
float largest_of_all(const Tensor& from, const Cut& cut, CpuContext& context) {
  std::vector<std::uint32_t> largest(static_cast<std::size_t>(context.threads()));
  context.each(cut.count(), [&](std::int64_t i, int thread) {
    Tile tile;
    load_tile<T>(from, cut[i], tile);
    const float here = largest_of(tile, 0, cut[i].height, 0, cut[i].width);
    std::uint32_t& mine = largest[static_cast<std::size_t>(thread)];
    mine = std::max(mine, std::bit_cast<std::uint32_t>(here));
  });
  return std::bit_cast<float>(*std::max_element(largest.begin(), largest.end()));
}

void store_scale(const QuantizedMatrix& to, std::int64_t row, std::int64_t block, std::uint32_t bits) {
  const std::int64_t place = scale_place(to.scaling, to.rows, to.columns, row, block);
  if (scale_dtype(to.scaling) == DType::f32)
    std::memcpy(to.scales.address() + place * 4, &bits, 4);
  else
    to.scales.address()[place] = static_cast<std::byte>(bits);
}

template <SmallFloat Format>
void store_row(const float* from, std::int64_t width, float factor, std::byte* to) {
  constexpr bool kHalves = Format.sign_bit() == 3;
  const auto code = [&](std::int64_t i) -> std::uint32_t {
    if (!is_finite(factor)) return Format.has_nan ? Format.top() : Format.largest();
    return code_of<Format>(from[i] * factor);
  };
  if constexpr (!kHalves)
    for (std::int64_t i = 0; i < width; ++i) to[i] = static_cast<std::byte>(code(i));
  else
    for (std::int64_t i = 0; i < width; i += 2)
      to[i / 2] = static_cast<std::byte>(code(i) | (i + 1 < width ? code(i + 1) << 4 : 0U));
}

// One block of a tile, `part` of the matrix; a tile has its blocks as if it were a matrix.
void store_block(const QuantizedMatrix& to, const Tile& tile, const Part& part, const Part& block, float factor) {
  const std::int64_t pitch = payload_columns(to.scaling, to.columns), column = part.column + block.column;
  for (std::int64_t r = block.row; r < block.row + block.height; ++r) {
    const float* const from = &tile[static_cast<std::size_t>(r)][static_cast<std::size_t>(block.column)];
    std::byte* const row = to.payload.address() + (part.row + r) * pitch;
    if (to.scaling == Scaling::nv)
      store_row<kE2m1>(from, block.width, factor, row + column / 2);
    else if (to.payload.dtype() == DType::e5m2)
      store_row<kE5m2>(from, block.width, factor, row + column);
    else
      store_row<kE4m3>(from, block.width, factor, row + column);
  }
}

void quantize_tile(const QuantizedMatrix& to, const Tile& tile, const Part& part, float of_whole) {
  if (to.scaling == Scaling::tensor) return store_block(to, tile, part, {0, 0, part.height, part.width}, 1 / of_whole);
  const std::int64_t width = block_width(to.scaling), height = block_height(to.scaling);
  const float top = top_of(to.scaling, to.payload.dtype());
  for (std::int64_t r = 0; r < part.height; r += height)
    for (std::int64_t c = 0; c < part.width; c += width) {
      const Part block{r, c, std::min(height, part.height - r), std::min(width, part.width - c)};
      const float largest = largest_of(tile, r, block.height, c, block.width);
      const BlockScale scale = block_scale(to.scaling, largest, top, of_whole);
      store_scale(to, part.row + r, (part.column + c) / width, scale.stored);
      store_block(to, tile, part, block, scale.factor);
    }
}

void check(const QuantizeScaled& op) {
  const QuantizedMatrix& to = op.to;
  const bool nv = to.scaling == Scaling::nv;
  ensure(op.from.rank() == 2 && op.from.rows() == to.rows && op.from.columns() == to.columns &&
             (op.from.stride(0) == 1 || op.from.stride(1) == 1 || op.from.rows() == 1 || op.from.columns() == 1) &&
             to.payload.contiguous() && to.payload.count() == to.rows * payload_columns(to.scaling, to.columns) &&
             (nv ? to.payload.dtype() == DType::i8 && to.global.dtype() == DType::f32
                 : to.payload.dtype() == DType::e4m3 || to.payload.dtype() == DType::e5m2) &&
             to.scales.contiguous() && to.scales.dtype() == scale_dtype(to.scaling) &&
             to.scales.count() == scale_count(to.scaling, to.rows, to.columns),
         "quantize_scaled of {} to {} with {}", to_string(op.from), to_string(to.payload), to_string(to.scales));
}

}  // namespace

void compute(const QuantizeScaled& op, CpuContext& context) {
  check(op);
  const QuantizedMatrix& to = op.to;
  const Cut cut{to.rows, to.columns};
  const float top = top_of(to.scaling, to.payload.dtype());
  for_dtype(op.from, [&]<class T>(T) {
    float of_whole = 1;
    std::memset(to.scales.address(), 0, to.scales.bytes());
    if (to.scaling == Scaling::tensor || to.scaling == Scaling::nv) {
      of_whole = whole_scale(largest_of_all<T>(op.from, cut, context), to.scaling == Scaling::nv ? 448 * top : top);
      std::memcpy((to.scaling == Scaling::nv ? to.global : to.scales).address(), &of_whole, sizeof(of_whole));
    }
    context.each(cut.count(), [&](std::int64_t i, int) {
      Tile tile;
      load_tile<T>(op.from, cut[i], tile);
      quantize_tile(to, tile, cut[i], of_whole);
    });
  });
}

}  // namespace scalebench::cpu
