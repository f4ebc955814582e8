#include "base/text.hpp"

#include <boost/test/unit_test.hpp>

#include "base/text_file.hpp"

namespace scalebench {

BOOST_AUTO_TEST_SUITE(text)

BOOST_AUTO_TEST_CASE(distance_counts_typing_errors) {
  BOOST_TEST(edit_distance("workload", "wrokload") == 1u);
  BOOST_TEST(edit_distance("fsdp70b", "fsdp71b") == 1u);
  BOOST_TEST(edit_distance("max-seconds", "MAX_SECONDS") == 0u);
  BOOST_TEST(edit_distance("", "abc") == 3u);
  BOOST_TEST(edit_distance("kitten", "sitting") == 3u);
}

BOOST_AUTO_TEST_CASE(the_nearest_name_comes_first) {
  const std::vector<std::string> names = {"ddp8b", "fsdp70b", "micro-batch", "min-iterations", "max-iterations"};
  BOOST_TEST(nearest("fsdp71b", names).front() == "fsdp70b");
  BOOST_TEST(nearest("min_iteration", names).front() == "min-iterations");
  BOOST_TEST(nearest("mic", names).front() == "micro-batch");
  BOOST_TEST(nearest("zzzzzzzz", names).size() >= 1u);
  BOOST_TEST(nearest("m", names, 2).size() <= 2u);
  BOOST_TEST(nearest("x", {}).empty());
  BOOST_TEST(nearest(std::string(1'000'000, 'x'), names).size() >= 1u);
}

BOOST_AUTO_TEST_CASE(messages_hold_printable_characters_only) {
  BOOST_TEST(printable("a\n\x1b[31m\xff") == "a??[31m?");
  BOOST_TEST(printable("abcdef", 3) == "abc...");
}

BOOST_AUTO_TEST_CASE(a_word_is_quoted_where_a_shell_needs_it) {
  BOOST_TEST(shell_quoted("--scale=1,2") == "--scale=1,2");
  BOOST_TEST(shell_quoted("two words") == "'two words'");
  BOOST_TEST(shell_quoted("it's") == "'it'\\''s'");
  BOOST_TEST(shell_quoted("") == "''");
}

BOOST_AUTO_TEST_CASE(lines_are_counted_from_one) {
  BOOST_TEST(line_at("a\nb\nc", 0) == 1);
  BOOST_TEST(line_at("a\nb\nc", 2) == 2);
  BOOST_TEST(line_at("a\nb\nc", 100) == 3);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace scalebench
