#include "base/moments.hpp"

#include <limits>

#include <boost/test/unit_test.hpp>

using namespace scalebench;

BOOST_AUTO_TEST_CASE(bf16_at_random_is_right_on_average) {
  const float x = 1.0F + 0x1p-9F;  // a quarter of the way
  std::uint64_t up = 0;
  for (std::uint32_t random = 0; random < 65536; ++random) up += bf16_at_random(x, random) - 0x3F80U;
  BOOST_TEST(up == 65536U / 4);
  BOOST_TEST(bf16_at_random(1.0F, 0xFFFF) == 0x3F80U);
  BOOST_TEST(bf16_at_random(std::numeric_limits<float>::infinity(), 0xFFFF) == 0x7F80U);
  BOOST_TEST(bf16_at_random(std::bit_cast<float>(0x7FFFFFFFU), 0xFFFF) == 0x7FFFU);
}
