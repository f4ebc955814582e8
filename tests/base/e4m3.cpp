// FP8 by bit tricks gives what its definition gives.
#include "base/e4m3.hpp"

#include <cmath>
#include <limits>

#include <boost/test/unit_test.hpp>

#include "base/random.hpp"
#include "base/small_float.hpp"

using namespace scalebench;

BOOST_AUTO_TEST_CASE(e4m3_is_decoded_by_its_definition) {
  for (std::uint32_t code = 0; code < 256; ++code) {
    const double wanted = decode(kE4m3, code), got = from_e4m3(static_cast<std::uint8_t>(code));
    BOOST_TEST((got == wanted || (std::isnan(got) && std::isnan(wanted))), code);
  }
}

BOOST_AUTO_TEST_CASE(e4m3_is_encoded_by_its_definition) {
  const auto check = [](float x) { BOOST_TEST(e4m3_of(x) == encode(kE4m3, static_cast<double>(x)), x); };
  constexpr float kInfinity = std::numeric_limits<float>::infinity();
  for (std::uint32_t code = 0; code < 0x7E; ++code) {
    const auto here = static_cast<float>(decode(kE4m3, code)), next = static_cast<float>(decode(kE4m3, code + 1));
    const float tie = (here + next) / 2;
    for (const float x : {here, tie, std::nextafterf(tie, 0), std::nextafterf(tie, kInfinity)}) check(x), check(-x);
  }
  for (const float x : {447.0F, 448.0F, 449.0F, 463.0F, 464.0F, 480.0F, 1e30F, kInfinity, 1e-20F, 1e-42F})
    check(x), check(-x);
  for (std::uint64_t i = 0; i < 10'000; ++i)
    check(static_cast<float>(random_normal(1, i) * std::exp2(20 * random_uniform(2, i) - 12)));
  BOOST_TEST((e4m3_of(std::numeric_limits<float>::quiet_NaN()) & 0x7F) == 0x7F);
}

BOOST_AUTO_TEST_CASE(bf16_at_random_is_right_on_average) {
  const float x = 1.0F + 0x1p-9F;  // a quarter of the way
  std::uint64_t up = 0;
  for (std::uint32_t random = 0; random < 65536; ++random) up += bf16_at_random(x, random) - 0x3F80U;
  BOOST_TEST(up == 65536U / 4);
  BOOST_TEST(bf16_at_random(1.0F, 0xFFFF) == 0x3F80U);
  BOOST_TEST(bf16_at_random(std::numeric_limits<float>::infinity(), 0xFFFF) == 0x7F80U);
  BOOST_TEST(bf16_at_random(std::bit_cast<float>(0x7FFFFFFFU), 0xFFFF) == 0x7FFFU);
}
