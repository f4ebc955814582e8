#include "app/inputs/token_file.hpp"

#include "tests/app/inputs/files.hpp"

namespace scalebench::test {

namespace {

constexpr std::int64_t kVocabulary = 10;

TokenRows read(const Folder& folder, const std::string& name, const std::string& bytes,
               std::optional<std::int64_t> sequence = {}) {
  return read_token_file(folder.write(name, bytes), sequence, kVocabulary);
}

std::string little_endian(std::initializer_list<int> ids) {
  std::string bytes;
  for (const int id : ids)
    for (int i = 0; i < 4; ++i) bytes += static_cast<char>(static_cast<unsigned>(id) >> 8 * i & 0xFF);
  return bytes;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(token_files)

BOOST_AUTO_TEST_CASE(lines_are_sequences) {
  const Folder folder;
  const TokenRows rows = read(folder, "a.txt", "1 2\t3\r\n\n 4 5 9 \n");
  BOOST_TEST((rows.length == 3 && rows.rows() == 2));
  BOOST_TEST(rows.ids == (std::vector<std::int32_t>{1, 2, 3, 4, 5, 9}), boost::test_tools::per_element());
  BOOST_TEST(read(folder, "a.txt", "0 1 2", 2).rows() == 1);
}

BOOST_AUTO_TEST_CASE(a_binary_file_is_cut_into_sequences) {
  const Folder folder;
  const TokenRows rows = read(folder, "a.bin", little_endian({1, 2, 3, 4, 5, 9}), 2);
  BOOST_TEST((rows.length == 3 && rows.rows() == 2));
  BOOST_TEST(rows.ids == (std::vector<std::int32_t>{1, 2, 3, 4, 5, 9}), boost::test_tools::per_element());
  BOOST_TEST(read(folder, "a.bin", little_endian({1, 2, 3, 4})).length == 4);  // one sequence
}

BOOST_AUTO_TEST_CASE(what_is_no_id_is_refused) {
  const Folder folder;
  const auto refuse = [&](const char* name, const std::string& bytes, const char* part,
                          std::optional<std::int64_t> sequence = {}) {
    expect_bad_input([&] { read(folder, name, bytes, sequence); }, part);
  };
  refuse("a.txt", "1 2\n3 10\n", ":2: '10' is no token id (the model's vocabulary has ids 0 to 9)");
  refuse("a.txt", "1 -2\n", "'-2' is no token id");
  refuse("a.txt", "1 two\n", "'two' is no token id");
  refuse("a.txt", "1 99999999999999999999\n", "is no token id");
  refuse("a.txt", "1 2\n3\n", ":2: 1 ids (the lines before have 2)");
  refuse("a.txt", "\n\n", "sequences of 0 ids");
  refuse("a.txt", "1\n2\n", "sequences of 1 ids");
  refuse("a.txt", "1 2 3\n", "leave --seq out", 7);
  refuse("a.txt", "", "is empty");
  refuse("a.bin", "abcde", "has 5 bytes");
  refuse("a.bin", little_endian({1, 10}), "id 1: '10' is no token id");
  refuse("a.bin", little_endian({1, -1}), "'-1' is no token id");
  refuse("a.bin", little_endian({1, 2, 3, 4}), "has 4 ids", 2);
  refuse("a.json", "[]", "neither .txt nor .bin");
  expect_bad_input([] { read_token_file("/nowhere.txt", {}, kVocabulary); }, "can't be read");
  expect_bad_input([&] { read_token_file("/dev/zero.txt", {}, kVocabulary); }, "can't be read");
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace scalebench::test
