// Numbers of few bits against the published tables: IEEE 754 binary16, OCP's OFP8 1.0 (tables 1 and 2) and MX 1.0.
#include "base/small_float.hpp"

#include <vector>

#include <boost/test/unit_test.hpp>

#include "base/quantized.hpp"
#include "tests/base/small_float.hpp"

using namespace scalebench;
using namespace scalebench::test;

namespace {

struct Published {
  SmallFloat format;
  double largest, smallest_normal, largest_subnormal, smallest_subnormal;
  std::vector<std::uint32_t> nans, infinities;  // without sign
};
const Published kPublished[] = {
    {kE4m3, 448, 0x1p-6, 0x1.Cp-7, 0x1p-9, {0x7F}, {}},
    {kE5m2, 57344, 0x1p-14, 0x1.8p-15, 0x1p-16, {0x7D, 0x7E, 0x7F}, {0x7C}},
    {kE2m1, 6, 1, 0.5, 0.5, {}, {}},
    {kFp16, 65504, 0x1p-14, 0x1.FF8p-15, 0x1p-24, {0x7C01, 0x7E00, 0x7FFF}, {0x7C00}},
};

// (-1)^s 2^(e - bias) 1.m, without exponent 2^(1 - bias) 0.m: written down anew, in sums of powers.
double closed_form(int exponent_bits, int mantissa_bits, std::uint32_t code) {
  const int bias = (1 << (exponent_bits - 1)) - 1;
  const std::uint32_t exponent = code >> mantissa_bits & ((1U << exponent_bits) - 1);
  double value = exponent == 0 ? 0 : 1;
  for (int bit = 0; bit < mantissa_bits; ++bit)
    if ((code >> bit & 1U) != 0) value += std::pow(2.0, bit - mantissa_bits);
  value *= std::pow(2.0, std::max(static_cast<int>(exponent), 1) - bias);
  return (code >> (exponent_bits + mantissa_bits) & 1U) != 0 ? -value : value;
}

template <SmallFloat Format>
void check_kernels_form() {
  for (const float probe : probes_of(Format)) BOOST_CHECK_EQUAL(code_of<Format>(probe), encode(Format, probe));
  for (std::uint32_t code = 0; code < 2U << Format.sign_bit(); ++code)
    BOOST_CHECK(same(number_of<Format>(code), decode(Format, code)));
  const std::uint32_t nan = Format.has_nan ? Format.top() : Format.largest();
  BOOST_CHECK_EQUAL(code_of<Format>(std::nanf("")), nan);
  BOOST_CHECK_EQUAL(code_of<Format>(-std::nanf("")), nan);
}

}  // namespace

BOOST_AUTO_TEST_SUITE(small_float)

BOOST_AUTO_TEST_CASE(formats_have_the_published_numbers) {
  for (const Published& table : kPublished) {
    const SmallFloat& format = table.format;
    const std::uint32_t first_normal = 1U << format.mantissa_bits, sign = 1U << format.sign_bit();
    BOOST_TEST(decode(format, format.largest()) == table.largest);
    BOOST_TEST(decode(format, first_normal) == table.smallest_normal);
    BOOST_TEST(decode(format, first_normal - 1) == table.largest_subnormal);
    BOOST_TEST(decode(format, 1) == table.smallest_subnormal);
    for (const std::uint32_t code : table.nans) BOOST_TEST(std::isnan(decode(format, code | sign)));
    for (const std::uint32_t code : table.infinities) BOOST_TEST(std::isinf(decode(format, code | sign)));
    for (std::uint32_t code = 0; code < 2 * sign; ++code) {
      const double value = decode(format, code);
      if (!std::isfinite(value)) continue;
      BOOST_CHECK(same(value, closed_form(format.exponent_bits, format.mantissa_bits, code)));
      BOOST_CHECK_EQUAL(encode(format, value), code);
    }
  }
}

BOOST_AUTO_TEST_CASE(ties_go_to_even_and_what_is_too_large_to_the_largest) {
  BOOST_TEST(encode(kE4m3, 17) == encode(kE4m3, 16));
  BOOST_TEST(encode(kE4m3, 19) == encode(kE4m3, 20));
  BOOST_TEST(encode(kE4m3, 0x1p-10) == 0U);
  BOOST_TEST(encode(kE4m3, 0x1.000002p-10) == 1U);
  BOOST_TEST(encode(kE4m3, 1e9) == 0x7EU);
  BOOST_TEST(encode(kE4m3, -std::numeric_limits<double>::infinity()) == 0xFEU);
  BOOST_TEST(encode(kE5m2, 61440) == 0x7BU);
  BOOST_TEST(encode(kE2m1, 5) == encode(kE2m1, 4));
  BOOST_TEST(encode(kE2m1, 0.25) == 0U);
  BOOST_TEST(encode(kE2m1, -7) == 0xFU);
  BOOST_TEST(encode(kFp16, 65520) == 0x7C00U);
  BOOST_TEST(encode(kFp16, 65519.9) == 0x7BFFU);
}

BOOST_AUTO_TEST_CASE(kernels_convert_as_the_definition_says) {
  check_kernels_form<kE4m3>();
  check_kernels_form<kE5m2>();
  check_kernels_form<kE2m1>();
  check_kernels_form<kFp16>();
}

BOOST_AUTO_TEST_CASE(powers_of_two_have_the_published_codes) {
  for (std::uint32_t code = 0; code < kE8m0Nan; ++code) {
    const float power = number_of_e8m0(code);
    BOOST_CHECK_EQUAL(power, std::ldexp(1.0, static_cast<int>(code) - 127));
    BOOST_CHECK_EQUAL(e8m0_not_below(power), code);
    if (code < 254) BOOST_CHECK_EQUAL(e8m0_not_below(std::nextafter(power, 1e38F)), code + 1);
  }
  BOOST_TEST(std::isnan(number_of_e8m0(kE8m0Nan)));
  BOOST_TEST(e8m0_not_below(0) == 0U);
  BOOST_TEST(e8m0_not_below(std::nanf("")) == kE8m0Nan);
  BOOST_TEST(e8m0_not_below(std::numeric_limits<float>::infinity()) == kE8m0Nan);
}

BOOST_AUTO_TEST_CASE(scales_lie_where_cublaslt_reads_them) {
  // The example tile of the manual: the offsets of rows 0, 1, 32 and 127 of the first four blocks of 32.
  const auto mx = [](std::int64_t row, std::int64_t block) { return scale_place(Scaling::mx, 300, 160, row, block); };
  BOOST_TEST(mx(0, 3) == 3);
  BOOST_TEST(mx(1, 0) == 16);
  BOOST_TEST(mx(32, 0) == 4);
  BOOST_TEST(mx(127, 3) == 511);
  BOOST_TEST(mx(0, 4) == 512);
  BOOST_TEST(mx(128, 0) == 1024);
  BOOST_TEST(scale_count(Scaling::mx, 300, 160) == 384 * 8);
  BOOST_TEST(scale_place(Scaling::nv, 300, 160, 128, 0) == 3 * 512);
  BOOST_TEST(scale_place(Scaling::rows, 300, 160, 7, 1) == 307);
  BOOST_TEST(scale_place(Scaling::blocks, 300, 160, 130, 1) == 5);
  BOOST_TEST(scale_count(Scaling::blocks, 300, 160) == 12);
  for (const Scaling scaling : {Scaling::rows, Scaling::blocks, Scaling::mx, Scaling::nv}) {
    std::vector<int> seen(static_cast<std::size_t>(scale_count(scaling, 300, 160)));
    for (std::int64_t row = 0; row < 300; row += block_height(scaling))
      for (std::int64_t block = 0; block < blocks_of_row(scaling, 160); ++block)
        BOOST_CHECK_EQUAL(++seen.at(static_cast<std::size_t>(scale_place(scaling, 300, 160, row, block))), 1);
  }
}

BOOST_AUTO_TEST_SUITE_END()
