// The moments of AdamW, a block of at most kMomentBlock elements at a time: out of their dtype into fp32, and back.
#pragma once

#include <algorithm>
#include <array>
#include <bit>
#include <cstdint>

#include "base/moments.hpp"
#include "base/random.hpp"
#include "kernels/cpu/numbers.hpp"
#include "kernels/ops/optimizer.hpp"

namespace scalebench::cpu {

struct MomentBlock {
  std::int64_t begin, count;  // in the tensors; begin is a multiple of kMomentBlock
  std::array<float, kMomentBlock> first, second;
};

struct MomentsInFp32 {
  float *first, *second;
  void load(MomentBlock& block) const {
    std::copy_n(first + block.begin, block.count, block.first.data());
    std::copy_n(second + block.begin, block.count, block.second.data());
  }
  void store(const MomentBlock& block) const {
    std::copy_n(block.first.data(), block.count, first + block.begin);
    std::copy_n(block.second.data(), block.count, second + block.begin);
  }
};

// Draws of elements that lie in one row of a parameter follow each other.
inline void draw(const AdamW& op, std::int32_t step, const MomentBlock& block,
                 std::array<std::uint16_t, kMomentBlock>& to) {
  const std::int64_t first = op.offset + block.begin;
  const auto ends_by = [](std::int64_t at, const ElementRun& run) { return at < run.begin + run.count; };
  auto run = std::upper_bound(op.numbers.begin(), op.numbers.end(), first, ends_by);
  for (std::int64_t done = 0; done < block.count; ++run) {
    const std::uint64_t key = random_bits(random_bits(op.seed, run->stream), static_cast<std::uint64_t>(step));
    const std::int64_t end = std::min(block.count, run->begin + run->count - first);
    while (done < end) {
      const std::int64_t at = run->skip + first + done - run->begin, row = at / run->width, column = at % run->width;
      const std::int64_t count = std::min(end - done, run->width - column);
      const auto number = static_cast<std::uint64_t>(run->first + row * run->pitch + column);
#pragma omp simd
      for (std::int64_t i = 0; i < count; ++i)
        to[static_cast<std::size_t>(done + i)] =
            static_cast<std::uint16_t>(random_bits(key, number + static_cast<std::uint64_t>(i)) >> 48);
      done += count;
    }
  }
}

struct MomentsInBf16 {
  const AdamW& op;
  std::int32_t step;
  Bf16 *first, *second;
  void load(MomentBlock& block) const {
#pragma omp simd
    for (std::int64_t i = 0; i < block.count; ++i) {
      block.first[static_cast<std::size_t>(i)] = to_float(first[block.begin + i]);
      block.second[static_cast<std::size_t>(i)] = to_float(second[block.begin + i]);
    }
  }
  void store(const MomentBlock& block) const {
    std::array<std::uint16_t, kMomentBlock> random;
    draw(op, step, block, random);
#pragma omp simd
    for (std::int64_t i = 0; i < block.count; ++i) {
      const auto at = static_cast<std::size_t>(i);
      first[block.begin + i] = from_float<Bf16>(block.first[at]);
      second[block.begin + i] = {bf16_at_random(block.second[at], random[at])};
    }
  }
};

struct MomentsInE4m3 {
  std::uint8_t *first, *second;
  float *scale1, *scale2;

  static void load(const std::uint8_t* from, float scale, std::int64_t count, float* to) {
#pragma omp simd
    for (std::int64_t i = 0; i < count; ++i) to[i] = number_of<kE4m3>(from[i]) * scale;
  }
  void load(MomentBlock& block) const {
    const std::int64_t number = block.begin / kMomentBlock;
    load(first + block.begin, scale1[number], block.count, block.first.data());
    load(second + block.begin, scale2[number], block.count, block.second.data());
  }

  // What is above 0 is `least` at least.
  static float store(const float* from, std::int64_t count, std::uint8_t least, std::uint8_t* to) {
    std::uint32_t largest = 0;  // as bits numbers of one sign are in their order, a NaN behind them
#pragma omp simd reduction(max : largest)
    for (std::int64_t i = 0; i < count; ++i)
      largest = std::max(largest, std::bit_cast<std::uint32_t>(from[i]) & 0x7FFFFFFFU);
    const float scale = moment_scale(largest);
#pragma omp simd
    for (std::int64_t i = 0; i < count; ++i) {
      const std::uint8_t code = code_of<kE4m3>(from[i] / scale);
      to[i] = code == 0 && from[i] > 0 ? least : code;
    }
    return scale;
  }
  void store(const MomentBlock& block) const {
    const std::int64_t number = block.begin / kMomentBlock;
    scale1[number] = store(block.first.data(), block.count, 0, first + block.begin);
    scale2[number] = store(block.second.data(), block.count, 1, second + block.begin);
  }
};

}  // namespace scalebench::cpu
