#include "base/units.hpp"

#include <cmath>
#include <limits>

#include <boost/test/unit_test.hpp>

namespace scalebench {

BOOST_AUTO_TEST_SUITE(units)

BOOST_AUTO_TEST_CASE(a_size_is_decimal_or_binary_as_it_is_written) {
  const std::pair<const char*, std::int64_t> cases[] = {{"8", 8},
                                                        {"-8", -8},
                                                        {"1kB", 1000},
                                                        {"1KiB", 1024},
                                                        {"1K", 1024},
                                                        {"80GB", 80'000'000'000},
                                                        {"25MiB", 26'214'400},
                                                        {"25M", 26'214'400},
                                                        {"128m", 134'217'728},
                                                        {"1G", 1'073'741'824},
                                                        {"1.5GiB", 1'610'612'736},
                                                        {"0.5kB", 500},
                                                        {"9223372036854775807", INT64_MAX}};
  for (const auto& [text, bytes] : cases) BOOST_TEST(parse_bytes(text).value() == bytes, text);
}

BOOST_AUTO_TEST_CASE(what_is_no_number_is_nothing) {
  for (const char* text : {"",    " ",        "8 ",    " 8",  "+8",
                           "0x8", "8x",       "4GiBB", "GB",  "1e99",
                           "nan", "inf",      "-inf",  "--8", "9223372036854775808",
                           "1.5", "0.0001kB", "8EB",   "1,2", "1e10GB",
                           "."})
    BOOST_TEST(!parse_bytes(text), text);
  for (const char* text : {"", "1.0", "1e3", "10x", "9223372036854775808", "nan", " 1", "1 ", "0x1"})
    BOOST_TEST(!parse_integer(text), text);
  for (const char* text : {"", "nan", "inf", "-inf", "infinity", "1e999", "1x", "1 ", "."})
    BOOST_TEST(!parse_real(text), text);
  for (const char* text : {"", "5 s", "5d", "s", "nan", "1e308h", "1ss"}) BOOST_TEST(!parse_duration(text), text);
}

BOOST_AUTO_TEST_CASE(a_duration_is_in_seconds) {
  const auto close = boost::test_tools::tolerance(1e-12);
  BOOST_TEST(parse_duration("60").value() == 60.0, close);
  BOOST_TEST(parse_duration("200ms").value() == 0.2, close);
  BOOST_TEST(parse_duration("1.5min").value() == 90.0, close);
  BOOST_TEST(parse_duration("2h").value() == 7200.0, close);
  BOOST_TEST(parse_duration("-3us").value() == -3e-6, close);
  BOOST_TEST(parse_duration("1e1s").value() == 10.0, close);
}

BOOST_AUTO_TEST_CASE(three_digits_are_shown) {
  BOOST_TEST(format_bytes(80e9) == "80 GB");
  BOOST_TEST(format_bytes(0) == "0 B");
  BOOST_TEST(format_bytes(999.6) == "1 kB");
  BOOST_TEST(format_bytes(1.2345e15) == "1.23 PB");
  BOOST_TEST(format_bytes(-25e6) == "-25 MB");
  BOOST_TEST(format_bytes(std::numeric_limits<double>::quiet_NaN()) == "unknown");
  BOOST_TEST(format_duration(0.0123) == "12.3 ms");
  BOOST_TEST(format_duration(4.5e-7) == "450 ns");
  BOOST_TEST(format_duration(1234) == "1234 s");
  BOOST_TEST(format_duration(0) == "0 s");
  BOOST_TEST(format_rate(12.34e9) == "12.3 GB/s");
  BOOST_TEST(format_count(70'553'706'496.0) == "70.6 G");
  BOOST_TEST(format_count(12) == "12");
}

BOOST_AUTO_TEST_CASE(a_size_is_shown_so_that_it_reads_back) {
  for (const std::int64_t bytes : {0LL, 1LL, 1000LL, 1024LL, 26'214'400LL, 1'099'511'627'776LL, 4'398'046'511'105LL}) {
    std::string text = format_size(bytes);
    text.erase(text.find(' '), 1);
    BOOST_TEST(parse_bytes(text).value() == bytes, text);
  }
  BOOST_TEST(format_size(26'214'400) == "25 MiB");
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace scalebench
