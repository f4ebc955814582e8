// Scaled matrices: every byte against the formulas, by frexp and the definition of the formats.
#include "base/small_float.hpp"
#include "tests/kernels/scaled.hpp"

using namespace scalebench;
using namespace scalebench::test;

namespace {

struct Size {
  std::int64_t rows, columns;
};
// One row, one column, one block, a bit more than blocks of each kind, more than a tile of scales; columns that are
// read 16 bytes at a time and others.
constexpr Size kSizes[] = {{1, 16}, {1, 1}, {3, 33}, {128, 128}, {5, 136}, {130, 300}, {257, 48}, {31, 1}, {40, 1040}};

struct Bytes {
  std::vector<unsigned> payload, scales;
  float global = 0;
};

void put_float(std::vector<unsigned>& bytes, std::int64_t at, float value) {
  const auto bits = std::bit_cast<std::uint32_t>(value);
  for (unsigned i = 0; i < 4; ++i) bytes[static_cast<std::size_t>(4 * at) + i] = bits >> 8 * i & 0xFFU;
}

float float_scale(double largest, float top) {
  if (!std::isfinite(largest)) return std::bit_cast<float>(0x7FC00000U);
  return largest == 0 ? 1.0F : std::max(static_cast<float>(largest) / top, 0x1p-126F);
}

// What one block becomes: the code of its scale, and the factor of its numbers.
struct Rule {
  unsigned code;
  float factor;
};
Rule rule_of(Scaling scaling, double largest, float top, float global) {
  const float nan = std::bit_cast<float>(0x7FC00000U);
  const bool finite = std::isfinite(largest) && std::isfinite(global);
  if (scaling == Scaling::mx) {
    if (!finite) return {255, nan};
    int exponent = 0;
    const double mantissa = std::frexp(static_cast<float>(largest) / top, &exponent);  // [0.5, 1) 2^exponent
    const int power = mantissa == 0 ? -127 : std::max(mantissa == 0.5 ? exponent - 1 : exponent, -127);
    return {static_cast<unsigned>(power + 127), std::ldexp(1.0F, -power)};
  }
  if (!finite) return {0x7F, nan};
  const unsigned code = encode(kE4m3, static_cast<float>(largest) / top / global);
  const float scale = static_cast<float>(decode(kE4m3, code)) * global;
  return {code, scale == 0 ? 0 : 1.0F / std::max(scale, 0x1p-126F)};
}

Bytes quantized(Scaling scaling, DType dtype, const Values& values, Size size) {
  const auto [rows, columns] = size;
  const bool nv = scaling == Scaling::nv, coded = nv || scaling == Scaling::mx;
  const SmallFloat format = nv ? kE2m1 : dtype == DType::e5m2 ? kE5m2 : kE4m3;
  const auto top = static_cast<float>(decode(format, format.largest()));
  const auto largest_of = [&](std::int64_t row, std::int64_t height, std::int64_t column, std::int64_t width) {
    double largest = 0;
    for (std::int64_t r = row; r < std::min(row + height, rows); ++r)
      for (std::int64_t c = column; c < std::min(column + width, columns); ++c) {
        const double value = std::abs(values[static_cast<std::size_t>(r * columns + c)]);
        if (!(value <= largest)) largest = std::isnan(largest) ? largest : value;
      }
    return largest;
  };
  Bytes bytes;
  bytes.payload.resize(static_cast<std::size_t>(rows * payload_columns(scaling, columns)));
  bytes.scales.resize(static_cast<std::size_t>(scale_count(scaling, rows, columns)) * (coded ? 1 : 4));
  if (nv) bytes.global = float_scale(largest_of(0, rows, 0, columns), 448 * top);
  const std::int64_t height = scaling == Scaling::tensor ? rows : scaling == Scaling::blocks ? 128 : 1;
  const std::int64_t width = scaling == Scaling::tensor ? columns : scaling == Scaling::mx ? 32 : nv ? 16 : 128;
  for (std::int64_t row = 0; row < rows; ++row)
    for (std::int64_t block = 0; block * width < columns; ++block) {
      const double largest = largest_of(row / height * height, height, block * width, width);
      const std::int64_t place = scale_place(scaling, rows, columns, row, block);
      float factor = 0;
      if (coded) {
        const Rule rule = rule_of(scaling, largest, top, nv ? bytes.global : 1);
        bytes.scales[static_cast<std::size_t>(place)] = rule.code;
        factor = rule.factor;
      } else {
        const float scale = float_scale(largest, top);
        put_float(bytes.scales, place, scale);
        factor = 1 / scale;
      }
      for (std::int64_t c = block * width; c < std::min((block + 1) * width, columns); ++c) {
        const auto at = static_cast<std::size_t>(row * columns + c);
        const float scaled = static_cast<float>(values[at]) * factor;
        const unsigned code = std::isnan(factor) ? (nv ? 7U : 0x7FU) : encode(format, scaled);
        if (nv)
          bytes.payload[static_cast<std::size_t>(row * ((columns + 1) / 2) + c / 2)] |= code << (c % 2 * 4);
        else
          bytes.payload[at] = code;
      }
    }
  return bytes;
}

void check(Lab& lab, Scaling scaling, DType payload, const Tensor& from) {
  const std::int64_t rows = from.rows(), columns = from.columns();
  const QuantizedMatrix to = empty_scaled(lab, scaling, payload, rows, columns);
  lab.device().run(QuantizeScaled{.from = from, .to = to});
  const Bytes wanted = quantized(scaling, payload, lab.read(from), {rows, columns});
  BOOST_TEST_CONTEXT(named(scaling, payload, rows, columns) << " of " << to_string(from)) {
    BOOST_TEST(bytes_of(lab, to.scales) == wanted.scales, boost::test_tools::per_element());
    BOOST_TEST(bytes_of(lab, to.payload) == wanted.payload, boost::test_tools::per_element());
    if (scaling == Scaling::nv && std::isfinite(wanted.global)) BOOST_TEST(lab.scalar(to.global) == wanted.global);
    if (scaling == Scaling::nv) BOOST_TEST(std::isnan(lab.scalar(to.global)) == std::isnan(wanted.global));
  }
}

// Large and small rows, and what is exactly between two numbers; `holes`: zeros, and blocks of numbers that are next to
// nothing.
Values values_of(Size size, bool holes) {
  Values values(static_cast<std::size_t>(size.rows * size.columns));
  for (std::size_t i = 0; i < values.size(); ++i) {
    const auto row = static_cast<std::int64_t>(i) / size.columns, column = static_cast<std::int64_t>(i) % size.columns;
    const double drawn = random_normal(9, i) * std::ldexp(1.0, static_cast<int>(row * 7 % 23) - 11);
    values[i] = i % 5 == 0 ? std::ldexp(std::nearbyint(drawn * 16), -4) : drawn;
    if (holes && (row % 3 == 1 || column / 16 % 3 == 2)) values[i] = 0;
    if (holes && row % 3 == 2) values[i] *= 1e-38;
  }
  return values;
}

template <class Body>
void for_each_payload(const Body& body) {
  for (const Scaling scaling : kScalings)
    for (const DType payload : {DType::e4m3, DType::e5m2})
      if (scaling != Scaling::nv || payload == DType::e4m3) body(scaling, payload);
}

}  // namespace

BOOST_AUTO_TEST_SUITE(quantize_scaled)

BOOST_AUTO_TEST_CASE(bytes_are_those_of_the_formulas) {
  for_each_backend([](Lab& lab) {
    for (const DType dtype : kFloats)
      for (const Size size : kSizes)
        for (const bool holes : {false, true}) {
          const std::int64_t gap = size.columns % 8 == 0 ? 8 : 3;
          const Tensor from = lab.of(dtype, {size.rows, size.columns}, values_of(size, holes), gap);
          for_each_payload([&](Scaling scaling, DType payload) { check(lab, scaling, payload, from); });
        }
  });
}

BOOST_AUTO_TEST_CASE(a_transposed_matrix_is_quantized_along_its_own_rows) {
  for_each_backend([](Lab& lab) {
    for (const DType dtype : kFloats)
      for (const Size size : kSizes) {
        const std::int64_t gap = size.rows % 8 == 0 ? 8 : 3;
        const Tensor from =
            lab.of(dtype, {size.columns, size.rows}, values_of({size.columns, size.rows}, true), gap).transposed();
        for_each_payload([&](Scaling scaling, DType payload) { check(lab, scaling, payload, from); });
      }
  });
}

BOOST_AUTO_TEST_CASE(what_is_not_finite_makes_its_scale_nan) {
  for_each_backend([](Lab& lab) {
    for (const double bad : {std::nan(""), std::numeric_limits<double>::infinity(), -std::nan("")})
      for (const Size size : {Size{130, 272}, Size{2, 17}}) {
        Values values = values_of(size, false);
        values[values.size() - 1] = bad;
        const Tensor from = lab.of(DType::f32, {size.rows, size.columns}, values);
        for_each_payload([&](Scaling scaling, DType payload) { check(lab, scaling, payload, from); });
      }
  });
}

BOOST_AUTO_TEST_SUITE_END()
