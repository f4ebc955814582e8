#include "app/inputs/request_file.hpp"

#include <unistd.h>

#include "tests/app/inputs/files.hpp"

namespace scalebench::test {

namespace {

constexpr std::int64_t kMostTokens = 100, kVocabulary = 10;

std::vector<TraceLine> trace_of(const Folder& folder, const std::string& bytes) {
  return read_trace(folder.write("a.csv", bytes), kMostTokens);
}

using Prompts = std::vector<std::vector<std::int32_t>>;

Prompts prompts_of(const Folder& folder, const std::string& bytes) {
  return read_prompt_file(folder.write("a.txt", bytes), kVocabulary, 4);
}

// "0.5 20 3; 1 4 5".
std::string shown(const std::vector<TraceLine>& lines) {
  std::string text;
  for (const TraceLine& line : lines)
    text += fmt::format("{}{} {} {}", text.empty() ? "" : "; ", line.arrival, line.input, line.output);
  return text;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(request_files)

BOOST_AUTO_TEST_CASE(a_line_of_a_trace_is_a_request) {
  const Folder folder;
  BOOST_TEST(shown(trace_of(folder, "0,20,3\n0.5,97,3\n0.5,1,99\n1e2,1,1\n")) == "0 20 3; 0.5 97 3; 0.5 1 99; 100 1 1");
  BOOST_TEST(shown(trace_of(folder, "0 20\t3\r\n  0.5 , 4,5 \r\n")) == "0 20 3; 0.5 4 5");
  BOOST_TEST(shown(trace_of(folder, "1,2,3")) == "1 2 3");
}

BOOST_AUTO_TEST_CASE(comments_empty_lines_and_names_of_the_columns_are_passed_over) {
  const Folder folder;
  BOOST_TEST(shown(trace_of(folder, "# of a day, 3\n\narrival,input,output\r\n1,2,3\n  # more\n\n2,3,4\n")) ==
             "1 2 3; 2 3 4");
  BOOST_TEST(shown(trace_of(folder, "arrival_time input_tokens output_tokens\n1 2 3\n")) == "1 2 3");
}

BOOST_AUTO_TEST_CASE(what_is_no_request_is_refused_with_its_line) {
  const Folder folder;
  const auto refuse = [&](const std::string& bytes, const std::string& part) {
    expect_bad_input([&] { trace_of(folder, bytes); }, part);
  };
  refuse("0,1,2\n1,2\n", "a.csv:2: '1,2' has 2 values (a request has 3)");
  refuse("0,1,2\r\n1,2,3,4\r\n", "a.csv:2: '1,2,3,4' has 4 values");
  refuse("0,1,2\n1,,2,3\n", "a.csv:2: '1,,2,3' has 4 values");
  refuse("0,1,2,\n", "a.csv:1: '0,1,2,' has 4 values");
  refuse("7\n", "a.csv:1: '7' has 1 value (");
  refuse("# x\n-1,1,2\n", "a.csv:2: '-1' is no arrival (it is a time in s from 0 to 10000000)");
  refuse("nan,1,2\n", "'nan' is no arrival");
  refuse("inf,1,2\n", "'inf' is no arrival");
  refuse("1e999,1,2\n", "'1e999' is no arrival");
  refuse("1732192000,1,2\n", "count from the first request");  // a time of day
  refuse("2024-11-21,1,2\n", "'2024-11-21' is no arrival");
  refuse("1,1,2\n0.5,1,2\n", "a.csv:2: arrival 0.5 is before 1 of the request above");
  refuse("1,0,2\n", "'0' is no number of input tokens (the model takes 1 to 100)");
  refuse("1,1.5,2\n", "'1.5' is no number of input tokens");
  refuse("1,1,0\n", "'0' is no number of output tokens");
  refuse("1,1,-3\n", "'-3' is no number of output tokens");
  refuse("1,9223372036854775807,9223372036854775807\n", "is no number of input tokens");
  refuse("1,99999999999999999999,1\n", "is no number of input tokens");
  refuse("0,1,2\n1,98,3\n", "a.csv:2: 98 + 3 tokens (the model takes 100 together)");
  refuse("input,output,arrival\n1,2,3\n", "a.csv:1: 'input' is no arrival");
  refuse("arrival,input\n", "has 2 values");
  refuse("1,2,3\narrival,input,output\n", "a.csv:2: 'arrival' is no arrival");
  refuse("arrival,input,output\narrival,input,output\n", "a.csv:2: 'arrival' is no arrival");
}

BOOST_AUTO_TEST_CASE(a_line_of_prompts_is_a_prompt) {
  const Folder folder;
  BOOST_TEST((prompts_of(folder, "1 2\t3\r\n0\n 9, 8 ,7,6\n") == Prompts{{1, 2, 3}, {0}, {9, 8, 7, 6}}));
  BOOST_TEST((prompts_of(folder, "5 4") == Prompts{{5, 4}}));
}

BOOST_AUTO_TEST_CASE(what_is_no_prompt_is_refused_with_its_line) {
  const Folder folder;
  const auto refuse = [&](const std::string& bytes, const std::string& part) {
    expect_bad_input([&] { prompts_of(folder, bytes); }, part);
  };
  refuse("1 2\n3 10\n", "a.txt:2: '10' is no token id (the model's vocabulary has ids 0 to 9)");
  refuse("1 -2\n", "'-2' is no token id");
  refuse("1 two\n", "'two' is no token id");
  refuse("1 4294967296\n", "'4294967296' is no token id");
  refuse("1 99999999999999999999\n", "is no token id");
  refuse("1,,2\n", "a.txt:1: '' is no token id");
  refuse("1,2,\n", "a.txt:1: '' is no token id");
  refuse("1\n\n2\n", "a.txt:2: an empty line (each line is a prompt");
  refuse("1\n \r\n", "a.txt:2: an empty line");
  refuse("1\n1 2 3 4 5\n", "a.txt:2: more than 4 ids");
}

BOOST_AUTO_TEST_CASE(files_that_hold_no_lines_are_refused) {
  const Folder folder;
  const auto refuse = [&](const std::string& path, const std::string& part) {
    expect_bad_input([&] { read_trace(path, kMostTokens); }, "--trace " + part);
    expect_bad_input([&] { read_prompt_file(path, kVocabulary, 4); }, "--prompt-tokens " + part);
  };
  refuse("/nowhere.txt", "'/nowhere.txt' can't be read");
  refuse("/dev/zero", "'/dev/zero' is no regular file");
  refuse(folder.path(), fmt::format("'{}' is no regular file", folder.path()));
  const std::string empty = folder.write("empty", "");
  refuse(empty, fmt::format("'{}' is empty", empty));
  const std::string zero = folder.write("zero", std::string("1\n2 \0", 5));
  refuse(zero, fmt::format("{}:2 holds a zero byte", zero));
  const std::string huge = folder.write("huge", "1");
  BOOST_TEST_REQUIRE(truncate(huge.c_str(), 1'000'000'001) == 0);  // a hole
  refuse(huge, fmt::format("'{}' is larger than 1 GB", huge));
  expect_bad_input([&] { trace_of(folder, "# none\n\n"); }, "a.csv has no request");
}

BOOST_AUTO_TEST_CASE(hostile_lines_end_in_one_short_line) {
  const Folder folder;
  const std::string many(1'000'000, '1'), commas(1'000'000, ',');
  const std::string cases[] = {"\xff\xfe,\x1b[31m,3\n", many, commas, "1," + many + ",1", "\xEF\xBB\xBF 1,2,3"};
  for (const std::string& bytes : cases)
    for (const bool trace : {true, false}) {
      std::string message;
      try {
        trace ? void(trace_of(folder, bytes)) : void(prompts_of(folder, bytes));
      } catch (const Error& error) {
        message = error.what();
      }
      BOOST_TEST((!message.empty() && message.size() < 500u));
      for (const char c : message) BOOST_TEST_REQUIRE((c >= ' ' && c <= '~'));
    }
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace scalebench::test
