#include "app/inputs/checkpoint.hpp"

#include <cstring>
#include <limits>

#include "tests/app/inputs/files.hpp"

namespace scalebench::test {

namespace {

struct Stored {
  std::string name, dtype, shape;
  std::string bytes;
};

template <class T>
std::string bytes_of(std::initializer_list<T> values) {
  std::string bytes(values.size() * sizeof(T), '\0');
  std::memcpy(bytes.data(), std::data(values), bytes.size());
  return bytes;
}

std::string file_of(const std::vector<Stored>& tensors) {
  std::string header = "{", data;
  for (const Stored& t : tensors) {
    header +=
        (header.size() > 1 ? "," : "") + ("\"" + t.name + R"(":{"dtype":")" + t.dtype + R"(","shape":)" + t.shape);
    header += R"(,"data_offsets":[)" + std::to_string(data.size()) + "," +
              std::to_string(data.size() + t.bytes.size()) + "]}";
    data += t.bytes;
  }
  return safetensors(header + "}", data);
}

const Stored kMatrix{"m", "F32", "[2,2]", bytes_of<float>({1, 2, 3, 4})};
const Stored kVector{"v", "F32", "[2]", bytes_of<float>({5, -6})};
const std::vector<Unit> kUnits = {{{{"m", 2, 2, 0}, {"v", 2, 0, 4}}}};

std::vector<double> read(const Checkpoint& checkpoint, const char* name, std::int64_t first, std::size_t count) {
  std::vector<double> values(count);
  checkpoint.read(name, first, values);
  return values;
}

void refuse(const std::vector<Stored>& tensors, const std::string& part) {
  const Folder folder;
  folder.write("model.safetensors", file_of(tensors));
  expect_bad_input([&] { const Checkpoint checkpoint(folder.path(), kUnits); }, part);
}

}  // namespace

BOOST_AUTO_TEST_SUITE(checkpoints)

BOOST_AUTO_TEST_CASE(parts_are_read_in_every_dtype) {
  const Folder folder;
  // 1.5, -2, the largest and the smallest number, infinity
  folder.write("model.safetensors",
               file_of({{"h", "F16", "[5]", bytes_of<std::uint16_t>({0x3E00, 0xC000, 0x7BFF, 0x0001, 0x7C00})},
                        {"b", "BF16", "[2]", bytes_of<std::uint16_t>({0x3FC0, 0xC000})},
                        kMatrix}));
  const Checkpoint checkpoint(folder.path(), {{{{"h", 5, 0, 0}, {"b", 2, 0, 5}, {"m", 2, 2, 7}}}});
  const double infinity = std::numeric_limits<double>::infinity();
  BOOST_TEST(read(checkpoint, "h", 0, 5) == (std::vector<double>{1.5, -2, 65504, 5.9604644775390625e-8, infinity}),
             boost::test_tools::per_element());
  BOOST_TEST(read(checkpoint, "b", 0, 2) == (std::vector<double>{1.5, -2}), boost::test_tools::per_element());
  BOOST_TEST(read(checkpoint, "m", 1, 2) == (std::vector<double>{2, 3}), boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(names_may_lack_their_first_word) {
  const std::vector<Unit> units = {
      {{{"transformer.m", 2, 2, 0}, {"transformer.v", 2, 0, 4}, {"lm_head.weight", 2, 2, 6}}}};
  const Stored head{"lm_head.weight", "F32", "[2,2]", bytes_of<float>({7, 8, 9, 10})};
  const Folder folder;
  folder.write("model.safetensors", file_of({kMatrix, kVector, head}));
  const Checkpoint checkpoint(folder.path(), units);
  BOOST_TEST(read(checkpoint, "transformer.m", 3, 1)[0] == 4);
  BOOST_TEST(read(checkpoint, "transformer.v", 1, 1)[0] == -6);
  BOOST_TEST(read(checkpoint, "lm_head.weight", 0, 1)[0] == 7);
  folder.write("model.safetensors", file_of({kMatrix, head}));
  expect_bad_input([&] { const Checkpoint lacking(folder.path(), units); }, "lacks transformer.v");
}

BOOST_AUTO_TEST_CASE(several_files_are_found_by_their_index) {
  const Folder folder;
  const auto index = [&](const char* m, const char* v) {
    folder.write("model.safetensors.index.json",
                 R"({"weight_map":{"m":")" + std::string(m) + R"(","v":")" + std::string(v) + R"("}})");
  };
  folder.write("one", file_of({kMatrix}));
  folder.write("two", file_of({kVector}));
  index("one", "two");
  const Checkpoint checkpoint(folder.path(), kUnits);
  BOOST_TEST(read(checkpoint, "v", 1, 1)[0] == -6);
  BOOST_TEST(read(checkpoint, "m", 3, 1)[0] == 4);
  index("one", "one");
  expect_bad_input([&] { const Checkpoint wrong(folder.path(), kUnits); }, "\"v\" is not in one");
  index("one", "three");
  expect_bad_input([&] { const Checkpoint absent(folder.path(), kUnits); }, "three' can't be read");
  index("one", "two");
  folder.write("two", file_of({kVector, kMatrix}));
  expect_bad_input([&] { const Checkpoint twice(folder.path(), kUnits); }, "\"m\" is in");
}

BOOST_AUTO_TEST_CASE(a_checkpoint_of_another_model_is_refused) {
  refuse({kMatrix}, "lacks v");
  refuse({kMatrix, {"v", "F32", "[3]", bytes_of<float>({1, 2, 3})}}, "v is [3] (the model has [2])");
  refuse({kVector, {"m", "F32", "[4]", kMatrix.bytes}}, "m is [4] (the model has [2, 2])");
  refuse({kVector, {"m", "I32", "[2,2]", kMatrix.bytes}}, "m is I32");
  refuse({kMatrix, kVector, {"other", "F32", "[1]", bytes_of<float>({1})}}, "has other");
  expect_bad_input([] { const Checkpoint none("/nowhere", kUnits); }, "is no folder");
  expect_bad_input([] { const Checkpoint none(std::string(300, 'x'), kUnits); }, "File name too long");
  const Folder empty;
  expect_bad_input([&] { const Checkpoint none(empty.path(), kUnits); }, "has neither model.safetensors nor");
  std::filesystem::create_symlink("model.safetensors", empty.path() + "/model.safetensors");
  expect_bad_input([&] { const Checkpoint none(empty.path(), kUnits); }, "symbolic links");
}

BOOST_AUTO_TEST_CASE(a_tied_head_may_repeat_the_embedding_only) {
  const Folder folder;
  const std::vector<Unit> units = {{{{"model.embed_tokens.weight", 2, 2, 0}}}};
  const Stored embedding{"model.embed_tokens.weight", "F32", "[2,2]", kMatrix.bytes};
  folder.write("model.safetensors", file_of({embedding, {"lm_head.weight", "F32", "[2,2]", kMatrix.bytes}}));
  const Checkpoint same(folder.path(), units);
  folder.write("model.safetensors",
               file_of({embedding, {"lm_head.weight", "F32", "[2,2]", bytes_of<float>({1, 2, 3, 5})}}));
  expect_bad_input([&] { const Checkpoint other(folder.path(), units); }, "has lm_head.weight");
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace scalebench::test
