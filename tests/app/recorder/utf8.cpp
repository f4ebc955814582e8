#include <string>

#include <boost/test/unit_test.hpp>

#include "app/recorder/hdf5.hpp"

using scalebench::hdf5::to_utf8;
using namespace std::string_literals;

BOOST_AUTO_TEST_SUITE(recorder_utf8)

BOOST_AUTO_TEST_CASE(valid_text_and_control_characters_stay) {
  for (const std::string& text :
       {""s, "plain\t\n\r\x01\x1b\x7f"s, "\u00e4\u20ac\U0001F680\U0010FFFF\uFFFD\uD7FF\uE000"s})
    BOOST_TEST(to_utf8(text) == text);
}

BOOST_AUTO_TEST_CASE(each_byte_that_is_not_utf8_becomes_a_replacement_character) {
  const std::string mark = "\uFFFD";
  BOOST_TEST(to_utf8("a\xFFz") == "a" + mark + "z");
  BOOST_TEST(to_utf8("\x80") == mark);
  BOOST_TEST(to_utf8("\xC3") == mark);                                   // cut off
  BOOST_TEST(to_utf8("\xC3(") == mark + "(");                            // its continuation is absent
  BOOST_TEST(to_utf8("\xC0\xAF") == mark + mark);                        // longer than need be
  BOOST_TEST(to_utf8("\xE0\x9F\xBF") == mark + mark + mark);             // the same
  BOOST_TEST(to_utf8("\xED\xA0\x80") == mark + mark + mark);             // half of a UTF-16 pair
  BOOST_TEST(to_utf8("\xF4\x90\x80\x80") == mark + mark + mark + mark);  // beyond U+10FFFF
  BOOST_TEST(to_utf8("\xE2\x82") == mark + mark);
}

BOOST_AUTO_TEST_CASE(nul_does_not_end_a_text) {
  BOOST_TEST(to_utf8("a\0b"s) ==
             "a\uFFFD"
             "b");
}

BOOST_AUTO_TEST_SUITE_END()
