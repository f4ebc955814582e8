// kernels/cuda/mma.cuh on the CPU: the same fragments, out of the same places.
//
// Copies are done when they are waited for, not before; until then their place holds NaNs.
#pragma once

#include <array>
#include <deque>
#include <stdexcept>
#include <vector>

#include <cuda_runtime.h>

#include "kernels/cuda/numbers.cuh"

namespace scalebench::shim {

// What each lane of the warp gives.
template <class Given>
std::array<Given, 32> of_all_lanes(const Given& mine) {
  static std::array<std::array<Given, 32>, 32> given;
  auto& of_warp = given[threadIdx.x / 32];
  of_warp[lane()] = mine;
  wait_for_warp(0xFFFFFFFFU);
  const std::array<Given, 32> all = of_warp;
  wait_for_warp(0xFFFFFFFFU);  // before it is given anew
  return all;
}

struct Copy {
  void* to;
  const void* from;
  bool there;
};
using Group = std::vector<Copy>;
// Of the running thread, the last still open.
inline std::deque<Group>& groups() {
  static std::array<std::deque<Group>, 1024> of_threads;
  auto& all = of_threads[threadIdx.x];
  if (all.empty()) all.emplace_back();
  return all;
}

inline void need_aligned(const void* place) {
  if (reinterpret_cast<std::uintptr_t>(place) % 16 != 0) throw std::logic_error("not aligned to 16 bytes");
}

// Element k of a row of pairs of T.
template <class T>
float half_of(unsigned pair, unsigned k) {
  return cuda::to_float(T{static_cast<std::uint16_t>(k % 2 == 0 ? pair : pair >> 16)});
}

}  // namespace scalebench::shim

namespace scalebench::cuda {

inline void load_matrices_as(const void* row, unsigned (&to)[4], bool transposed) {
  shim::need_aligned(row);
  const auto rows = shim::of_all_lanes(static_cast<const std::uint16_t*>(row));
  const unsigned lane = shim::lane();
  for (unsigned matrix = 0; matrix < 4; ++matrix) {
    unsigned bits[2];
    for (unsigned i = 0; i < 2; ++i) {
      const unsigned r = transposed ? lane % 4 * 2 + i : lane / 4, c = transposed ? lane / 4 : lane % 4 * 2 + i;
      bits[i] = rows[matrix * 8 + r][c];
    }
    to[matrix] = bits[0] | bits[1] << 16;
  }
  __syncwarp();  // before anybody writes there
}
inline void load_matrices(const void* row, unsigned (&to)[4]) { load_matrices_as(row, to, false); }
inline void load_transposed(const void* row, unsigned (&to)[4]) { load_matrices_as(row, to, true); }

template <class T>
void multiply_add(float (&sums)[4], const unsigned (&a)[4], unsigned b0, unsigned b1) {
  const auto all = shim::of_all_lanes(std::array<unsigned, 6>{a[0], a[1], a[2], a[3], b0, b1});
  const unsigned lane = shim::lane();
  for (unsigned i = 0; i < 4; ++i) {
    const unsigned row = lane / 4 + i / 2 * 8, column = lane % 4 * 2 + i % 2;
    float sum = 0;
    for (unsigned k = 0; k < 16; ++k) {
      const unsigned of_a = all[row % 8 * 4 + k % 8 / 2][row / 8 + k / 8 * 2];
      const unsigned of_b = all[column * 4 + k % 8 / 2][4 + k / 8];
      sum += shim::half_of<T>(of_a, k) * shim::half_of<T>(of_b, k);
    }
    sums[i] += sum;
  }
}

template <class T>
unsigned two_of(float first, float second) {
  return static_cast<unsigned>(from_float<T>(first).bits) | static_cast<unsigned>(from_float<T>(second).bits) << 16;
}

inline float power_of_two(float x) { return std::exp2(x); }

inline void begin_copy(void* to, const void* from, bool there) {
  shim::need_aligned(to), shim::need_aligned(from);
  std::memset(to, 0xFF, 16);
  shim::groups().back().push_back({to, from, there});
}
inline void end_group() { shim::groups().emplace_back(); }
template <int Groups>
void wait_for_copies() {
  auto& groups = shim::groups();
  for (; groups.size() > Groups + 1; groups.pop_front())
    for (const shim::Copy& copy : groups.front())
      if (copy.there)
        std::memcpy(copy.to, copy.from, 16);
      else
        std::memset(copy.to, 0, 16);
}

}  // namespace scalebench::cuda
