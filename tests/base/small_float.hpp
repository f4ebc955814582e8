// Numbers that conversions to few bits are tested with.
#pragma once

#include <cmath>
#include <limits>
#include <vector>

#include "base/small_float.hpp"

namespace scalebench::test {

inline bool same(double a, double b) {
  return std::isnan(a) ? std::isnan(b) : a == b && std::signbit(a) == std::signbit(b);
}

// Around every number of the format, and between every two: the ties and their neighbours, far beyond, and next to
// nothing.
inline std::vector<float> probes_of(const SmallFloat& format) {
  std::vector<float> probes{0, 0x1p-149F, 0x1p-126F, 1e30F, 3.4e38F, std::numeric_limits<float>::infinity()};
  const auto add = [&](double value) {
    const auto middle = static_cast<float>(value);
    for (const float probe : {middle, std::nextafter(middle, 0.0F), std::nextafter(middle, 1e38F)})
      probes.push_back(probe), probes.push_back(-probe);
  };
  for (std::uint32_t code = 0; code <= format.largest(); ++code) {
    const double here = decode(format, code);
    const double next = code < format.largest() ? decode(format, code + 1) : 2 * here;
    add(here), add((here + next) / 2);
  }
  add(decode(format, format.largest()) * (1 + std::ldexp(1.0, -format.mantissa_bits - 1)));
  return probes;
}

}  // namespace scalebench::test
