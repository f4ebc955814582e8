// Matrices of 8 and 4 bits with scales: their layout in memory and the rules of their scales, for the host and for
// GPUs.
//
// The layouts are cuBLASLt's ("Narrow Precision Data Types Usage" of its manual): kernels of all backends write the
// same bytes. "Blocks" of a row are what has one scale: 128 elements along k, 32 or 16.
#pragma once

#include <bit>
#include <cstdint>
#include <string_view>

#include "base/small_float.hpp"
#include "base/tensor.hpp"

namespace scalebench {

enum class Scaling : std::uint8_t {
  tensor,  // one fp32 scale
  rows,    // fp32 for each 1 x 128
  blocks,  // fp32 for each 128 x 128
  mx,      // OCP MX: E8M0 for each 1 x 32
  nv,      // NVFP4: payload E2M1, E4M3 for each 1 x 16, and one fp32 scale for the whole
};
constexpr std::string_view name_of(Scaling scaling) {
  constexpr std::string_view names[] = {"tensor", "rows", "blocks", "mx", "nv"};
  return names[static_cast<std::size_t>(scaling)];
}

// [rows, columns], the columns fastest: number = payload * scale (* global).
struct QuantizedMatrix {
  Tensor payload{};  // e4m3 or e5m2 [rows, columns]; nv: i8 [rows, columns / 2], the first of two in the low bits
  Tensor scales{};   // scale_dtype() [scale_count()], 16-byte aligned
  Tensor global{};   // nv alone: fp32 [1]
  Scaling scaling{};
  std::int64_t rows{}, columns{};
};

constexpr std::int64_t payload_columns(Scaling scaling, std::int64_t columns) {
  return scaling == Scaling::nv ? (columns + 1) / 2 : columns;
}
// E8M0 goes as i8.
constexpr DType scale_dtype(Scaling scaling) {
  return scaling == Scaling::mx ? DType::i8 : scaling == Scaling::nv ? DType::e4m3 : DType::f32;
}

// Columns of a block; tensor: none.
constexpr std::int64_t block_width(Scaling scaling) {
  constexpr std::int64_t widths[] = {0, 128, 128, 32, 16};
  return widths[static_cast<std::size_t>(scaling)];
}
constexpr std::int64_t block_height(Scaling scaling) { return scaling == Scaling::blocks ? 128 : 1; }

constexpr std::int64_t rounded_up(std::int64_t count, std::int64_t to) { return (count + to - 1) / to * to; }
// Blocks of a row.
constexpr std::int64_t blocks_of_row(Scaling scaling, std::int64_t columns) {
  return scaling == Scaling::tensor ? 1 : (columns + block_width(scaling) - 1) / block_width(scaling);
}

// Scales as they are stored, with what fills up their tiles, which is 0.
constexpr std::int64_t scale_count(Scaling scaling, std::int64_t rows, std::int64_t columns) {
  const std::int64_t blocks = blocks_of_row(scaling, columns);
  switch (scaling) {
    case Scaling::tensor:
      return 1;
    case Scaling::rows:  // [blocks, rows]
      return blocks * rows;
    case Scaling::blocks:  // [rows / 128, blocks]
      return (rows + 127) / 128 * rounded_up(blocks, 4);
    case Scaling::mx:
    case Scaling::nv:  // tiles of 128 rows x 4 blocks
      return rounded_up(rows, 128) * rounded_up(blocks, 4);
  }
  return 0;
}
// Where the scale of a block of `row` lies.
constexpr std::int64_t scale_place(Scaling scaling, std::int64_t rows, std::int64_t columns, std::int64_t row,
                                   std::int64_t block) {
  const std::int64_t blocks = blocks_of_row(scaling, columns);
  switch (scaling) {
    case Scaling::tensor:
      return 0;
    case Scaling::rows:
      return block * rows + row;
    case Scaling::blocks:
      return row / 128 * rounded_up(blocks, 4) + block;
    case Scaling::mx:
    case Scaling::nv: {
      const std::int64_t tile = row / 128 * (rounded_up(blocks, 4) / 4) + block / 4;
      return tile * 512 + row % 32 * 16 + row % 128 / 32 * 4 + block % 4;
    }
  }
  return 0;
}

constexpr bool is_finite(float x) { return (std::bit_cast<std::uint32_t>(x) & 0x7F800000U) != 0x7F800000U; }
constexpr float kNotANumber = std::bit_cast<float>(0x7FC00000U);

// An fp32 scale that brings `largest` to `top`, the largest number of the payload: 1 where all is zero; never so small
// that its reciprocal is infinite; NaN where there is a NaN or an infinity, so that all that is made of it is NaN.
constexpr float whole_scale(float largest, float top) {
  if (!is_finite(largest)) return kNotANumber;
  constexpr float kLeast = 0x1p-126F;
  const float scale = largest / top;
  return largest == 0 ? 1.0F : scale < kLeast ? kLeast : scale;
}

// What the largest |number| of a block gives: `stored` are the bits of its scale, and the payload is the number times
// `factor`, rounded. A factor of NaN stands for a payload of NaN.
struct BlockScale {
  std::uint32_t stored;
  float factor;
};
// `global`: nv alone, whole_scale(largest of all, 448 * 6).
//
// tensor, rows, blocks: largest / top (DeepSeek-V3, PyTorch's torchao). mx: the same rounded up to a power of two, as
// cuBLASLt and NVIDIA's recipe do ("Recipes for Pre-training LLMs with MXFP8", arXiv 2506.08027); rounded down, as
// OCP's specification suggests, up to an eighth of the largest would be cut off. nv: "Pretraining LLMs with NVFP4",
// arXiv 2509.25149.
constexpr BlockScale block_scale(Scaling scaling, float largest, float top, float global) {
  if (!is_finite(largest)) largest = kNotANumber;
  if (scaling == Scaling::mx) {
    const std::uint32_t code = e8m0_not_below(largest / top);
    return {code, code == kE8m0Nan ? kNotANumber : std::bit_cast<float>((254 - code) << 23)};
  }
  if (scaling == Scaling::nv) {
    const std::uint32_t code = code_of<kE4m3>(largest / top / global);
    return {code, code == 0 ? 0.0F : 1.0F / whole_scale(number_of<kE4m3>(code) * global, 1.0F)};
  }
  const float scale = whole_scale(largest, top);
  return {std::bit_cast<std::uint32_t>(scale), 1.0F / scale};
}

// The largest number of a payload.
constexpr float top_of(Scaling scaling, DType payload) {
  return scaling == Scaling::nv ? 6.0F : payload == DType::e5m2 ? 57344.0F : 448.0F;
}

// Whether cuBLASLt multiplies a [m, k] and b [n, k]: pointers and rows of 16 bytes, and for fp32 scales m in fours. Two
// matrices scaled by 128 x 128 it refuses, and two e5m2.
constexpr bool sizes_fit(Scaling scaling, std::int64_t m, std::int64_t n, std::int64_t k) {
  const bool by_128 = scaling == Scaling::rows || scaling == Scaling::blocks;
  return n % 16 == 0 && k % (scaling == Scaling::nv ? 32 : 16) == 0 && (!by_128 || m % 4 == 0);
}

}  // namespace scalebench
