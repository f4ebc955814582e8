#include <algorithm>

#include <fmt/format.h>

#include "app/options/table.hpp"
#include "tests/app/options/command_line.hpp"

namespace scalebench {

namespace {

std::vector<std::string> lines_of(const std::string& text) {
  std::vector<std::string> lines;
  std::istringstream stream(text);
  for (std::string line; std::getline(stream, line);) lines.push_back(line);
  return lines;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(help)

BOOST_AUTO_TEST_CASE(help_fits_a_screen_and_has_examples) {
  const auto lines = lines_of(help_text());
  BOOST_TEST(lines.size() <= 24u);
  for (const std::string& line : lines) BOOST_TEST(line.size() <= 100u, line);
  BOOST_TEST(help_text().find("Examples") != std::string::npos);
  BOOST_TEST(help_text().find("inject") == std::string::npos);
}

// A newcomer types what stands there.
BOOST_AUTO_TEST_CASE(the_examples_of_help_are_understood) {
  int examples = 0;
  for (const std::string& line : lines_of(help_text())) {
    const std::size_t begin = line.find("scalebench "), end = line.find("   ", 4);
    if (!line.starts_with("  ") || line.find('|') != std::string::npos || begin == std::string::npos) continue;
    BOOST_TEST_CONTEXT(line) BOOST_CHECK_NO_THROW(parsed(line.substr(begin + 11, end - begin - 11)));
    ++examples;
  }
  BOOST_TEST(examples == 6);
}

BOOST_AUTO_TEST_CASE(help_all_shows_every_option_with_its_default) {
  const std::string text = help_all_text();
  std::size_t rows = 0;
  for (const OptionGroup& group : option_groups()) {
    BOOST_TEST(text.find(group.title) != std::string::npos);
    for (const OptionRow& row : group.rows) {
      BOOST_TEST_CONTEXT(row.name) {
        BOOST_TEST(text.find(fmt::format("--{}", row.name)) != std::string::npos);
        BOOST_TEST(text.find(fmt::format("[{}", row.initial)) != std::string::npos);
        BOOST_TEST(!row.help.empty());
      }
      ++rows;
    }
  }
  BOOST_TEST(rows > 40u);
  for (const AbsentOption& option : absent_options())
    BOOST_TEST(text.find(fmt::format("--{}", option.name)) != std::string::npos, option.name);
  BOOST_TEST(text.find("For tests") < text.find("--inject"));
  for (const std::string& line : lines_of(text)) BOOST_TEST(line.size() <= 120u, line);
}

BOOST_AUTO_TEST_CASE(help_all_shows_how_decode_is_asked_for) {
  const std::string text = help_all_text();
  const std::size_t begin = text.find("\nDecode\n"), end = text.find("\nMeasuring\n");
  BOOST_REQUIRE((begin < end && end != std::string::npos));
  std::string names;
  for (const std::string& line : lines_of(text.substr(begin, end - begin)))
    if (const std::size_t name = line.find("--"); name == 6)
      names += line.substr(name + 2, line.find(' ', name) - name - 2) + ' ';
  BOOST_TEST(names ==
             "input-tokens output-tokens prompt-tokens requests batch concurrency request-rate trace prefill-chunk "
             "kv-dtype kv-memory weight-dtype temperature top-k top-p ignore-eos goodput find-rate ");
  for (const char* line :
       {"      --concurrency N                 requests under way, the next as one is answered; 1,4,16: a sweep [batch "
        "x dp]\n",
        "      --trace FILE                    or: a line for each request: arrival in s, input and output tokens\n",
        "      --find-rate                     find the highest request rate at which 99 % of the requests meet "
        "--goodput\n"})
    BOOST_TEST(text.substr(begin, end - begin).find(line) != std::string::npos, line);
  BOOST_TEST(text.find("--find-rate", end) == std::string::npos);  // not among what is not in this version
}

BOOST_AUTO_TEST_CASE(no_option_is_there_twice) {
  std::vector<std::string_view> names;
  for (const OptionGroup& group : option_groups())
    for (const OptionRow& row : group.rows) names.push_back(row.name);
  for (const AbsentOption& option : absent_options()) names.push_back(option.name);
  std::sort(names.begin(), names.end());
  BOOST_TEST((std::adjacent_find(names.begin(), names.end()) == names.end()));
}

BOOST_AUTO_TEST_CASE(the_version_is_one_line) {
  BOOST_TEST(version_text().starts_with("scalebench "));
  BOOST_TEST(lines_of(version_text()).size() == 1u);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace scalebench
