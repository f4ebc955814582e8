#include "app/inputs/safetensors.hpp"

#include <span>

#include "tests/app/inputs/files.hpp"

namespace scalebench::test {

namespace {

std::vector<StoredTensor> read(const std::string& file) {
  return read_safetensors_header(std::as_bytes(std::span(file)), "here");
}

std::string tensor(const std::string& dtype, const std::string& shape, const std::string& offsets) {
  return R"({"dtype":)" + dtype + R"(,"shape":)" + shape + R"(,"data_offsets":)" + offsets + "}";
}

const std::string kData(24, 'x');  // bytes

void refuse(const std::string& header, const std::string& part) {
  expect_bad_input([&] { read(safetensors(header, kData)); }, part);
}

// One tensor that would be right with F32, [2, 3] and [0, 24].
void refuse_one(const std::string& dtype, const std::string& shape, const std::string& offsets,
                const std::string& part) {
  refuse(R"({"a":)" + tensor(dtype, shape, offsets) + "}", part);
}

}  // namespace

BOOST_AUTO_TEST_SUITE(safetensors_headers)

BOOST_AUTO_TEST_CASE(tensors_are_found_by_place) {
  const std::string header = R"({"__metadata__":{"format":"pt"},"b":)" + tensor(R"("BF16")", "[2]", "[20,24]") +
                             R"(,"a":)" + tensor(R"("F32")", "[5,1]", "[0,20]") + "}  ";
  const auto tensors = read(safetensors(header, kData));
  BOOST_REQUIRE_EQUAL(tensors.size(), 2U);
  BOOST_TEST((tensors[0].name == "a" && tensors[0].dtype == "F32" && tensors[1].name == "b"));
  BOOST_TEST(tensors[0].shape == (std::vector<std::int64_t>{5, 1}), boost::test_tools::per_element());
  BOOST_TEST((tensors[0].begin == 8 + header.size() && tensors[0].end == tensors[1].begin));
  BOOST_TEST(tensors[1].end == 8 + header.size() + 24);
}

BOOST_AUTO_TEST_CASE(files_that_are_cut_short_are_refused) {
  expect_bad_input([] { read(""); }, "has 0 bytes");
  expect_bad_input([] { read("abc"); }, "not even the 8 of a length");
  expect_bad_input([] { read(safetensors(R"({"a":1})", "").substr(0, 12)); }, "7 bytes, 4 are left");
  expect_bad_input([] { read(std::string(8, '\xff')); }, "more than 100 MB");
  expect_bad_input([] { read(std::string("\x01\xe1\xf5\x05\0\0\0\0", 8)); }, "more than 100 MB");
  const std::string whole = safetensors(R"({"a":)" + tensor(R"("F32")", "[2,3]", "[0,24]") + "}", kData);
  BOOST_TEST(read(whole).size() == 1U);
  expect_bad_input([&] { read(whole.substr(0, whole.size() - 1)); }, "bytes 0 to 24 of 23");
  expect_bad_input([&] { read(whole + "y"); }, "1 bytes at its end are nobody's");
}

BOOST_AUTO_TEST_CASE(what_is_no_header_is_refused) {
  for (const char* header : {"", "x", "[]", "1", "null", "{", R"({"a":})", "{\"\xff\":1}", "{}x"})
    refuse(header, "not a JSON object");
  refuse(R"({"a":1,"a":2})", "\"a\" is there twice");
  refuse(R"({"a":{"dtype":"F32","dtype":"F32","shape":[],"data_offsets":[0,4]}})", "\"dtype\" is there twice");
  refuse(R"({"a":[[[[[[[[1]]]]]]]]})", "nested more than 4 deep");
  refuse("{}", "24 bytes at its end are nobody's");
}

BOOST_AUTO_TEST_CASE(tensors_that_claim_what_is_not_there_are_refused) {
  refuse(R"({"__metadata__":3})", "__metadata__ is no map of strings");
  refuse(R"({"__metadata__":{"a":3}})", "__metadata__ is no map of strings");
  refuse(R"({"a":1})", "tensor \"a\" has no dtype");
  refuse(R"({"a":{"dtype":"F32","shape":[6]}})", "has no data_offsets");
  refuse_one(R"("F31")", "[2,3]", "[0,24]", "the dtype \"F31\"");
  refuse_one("7", "[2,3]", "[0,24]", "the dtype 7");
  refuse_one(R"("F32")", R"("2,3")", "[0,24]", "no array as shape");
  refuse_one(R"("F32")", "[-2,3]", "[0,24]", "an extent that is no count");
  refuse_one(R"("F32")", "[2.0,3]", "[0,24]", "an extent that is no count");
  refuse_one(R"("F32")", "[9223372036854775807]", "[0,24]", "an extent that is no count");
  refuse_one(R"("F32")", "[4294967296,4294967296]", "[0,24]", "not what its dtype and shape make");
  refuse_one(R"("F32")", "[2,4]", "[0,24]", "not what its dtype and shape make");
  refuse_one(R"("F32")", "[2,3]", "[0,25]", "bytes 0 to 25 of 24");
  refuse_one(R"("F32")", "[2,3]", "[24,0]", "bytes 24 to 0");
  refuse_one(R"("F32")", "[2,3]", "[0]", "are not two counts");
  refuse_one(R"("F32")", "[2,3]", "[-1,23]", "are not two counts");
  refuse_one(R"("F32")", "[2,3]", "[0,18446744073709551615]", "to 18446744073709551615");
}

BOOST_AUTO_TEST_CASE(gaps_and_overlaps_are_refused) {
  const auto two = [](const char* a, const char* b, const char* count) {
    return R"({"a":)" + tensor(R"("F32")", count, a) + R"(,"b":)" + tensor(R"("F32")", count, b) + "}";
  };
  BOOST_TEST(read(safetensors(two("[0,12]", "[12,24]", "[3]"), kData)).size() == 2U);
  refuse(two("[0,12]", "[8,20]", "[3]"), "overlaps another");
  refuse(two("[0,8]", "[16,24]", "[2]"), "8 bytes before tensor \"b\" are nobody's");
}

BOOST_AUTO_TEST_CASE(an_index_names_files_of_its_folder) {
  const auto read_index = [](const char* text) { return read_safetensors_index(text, "index"); };
  const auto files = read_index(R"({"metadata":{"total_size":3},"weight_map":{"a":"x.safetensors","b":"y"}})");
  BOOST_TEST((files.size() == 2 && files.at("a") == "x.safetensors" && files.at("b") == "y"));
  expect_bad_input([&] { read_index("{}"); }, "no weight_map");
  expect_bad_input([&] { read_index(R"({"weight_map":{}})"); }, "no weight_map");
  expect_bad_input([&] { read_index(R"({"weight_map":{"a":1}})"); }, "must be a name in the same folder");
  for (const char* name : {"../x", "/etc/passwd", "a/b", "..", ".", "", "a\\u0000b"})
    expect_bad_input([&] { read_index((R"({"weight_map":{"a":")" + std::string(name) + "\"}}").c_str()); },
                     "must be a name in the same folder");
  expect_bad_input([&] { read_index(R"({"weight_map":{"a":"x","a":"y"}})"); }, "\"a\" is there twice");
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace scalebench::test
