#include "app/inputs/token_file.hpp"

#include <bit>
#include <cstring>
#include <string_view>

#include <fmt/format.h>

#include "app/inputs/mapped_file.hpp"
#include "app/inputs/text_lines.hpp"
#include "base/check.hpp"
#include "base/text.hpp"

namespace scalebench {

namespace {

class TextRows {
 public:
  TextRows(const std::string& path, std::int64_t vocabulary) : path_(path), vocabulary_(vocabulary) {}

  void add_line(std::string_view line, std::size_t number) {
    const std::size_t before = rows_.ids.size();
    each_word(line, [&](std::string_view word) {
      rows_.ids.push_back(token_id(word, vocabulary_, {.path = path_, .line = number}));
    });
    const auto length = static_cast<std::int64_t>(rows_.ids.size() - before);
    if (length == 0) return;
    if (rows_.length == 0) rows_.length = length;
    if (length != rows_.length)
      fail(Exit::bad_input, "{}:{}: {} ids (the lines before have {}) cut or pad all sequences to one length", path_,
           number, length, rows_.length);
  }

  TokenRows take() { return std::move(rows_); }

 private:
  const std::string& path_;
  std::int64_t vocabulary_;
  TokenRows rows_{};
};

TokenRows read_text(const std::string& path, std::string_view text, std::int64_t vocabulary) {
  TextRows rows(path, vocabulary);
  each_line(text, [&](std::string_view line, std::size_t number) { rows.add_line(line, number); });
  return rows.take();
}

TokenRows read_binary(const std::string& path, std::span<const std::byte> bytes, std::optional<std::int64_t> sequence,
                      std::int64_t vocabulary) {
  static_assert(std::endian::native == std::endian::little);
  if (bytes.size() % sizeof(std::int32_t) != 0)
    fail(Exit::bad_input, "--tokens {} has {} bytes (little-endian int32 ids have 4 each) write it anew", path,
         bytes.size());
  TokenRows rows{.ids = std::vector<std::int32_t>(bytes.size() / sizeof(std::int32_t))};
  std::memcpy(rows.ids.data(), bytes.data(), bytes.size());
  rows.length = sequence ? *sequence + 1 : static_cast<std::int64_t>(rows.ids.size());
  if (static_cast<std::int64_t>(rows.ids.size()) % rows.length != 0)
    fail(Exit::bad_input,
         "--tokens {} has {} ids (sequences of --seq {} take {} each, the last its target) cut the file "
         "to a multiple",
         path, rows.ids.size(), rows.length - 1, rows.length);
  for (std::size_t i = 0; i < rows.ids.size(); ++i)
    if (rows.ids[i] < 0 || rows.ids[i] >= vocabulary)
      refuse_id(fmt::format("--tokens {}, id {}", path, i), std::to_string(rows.ids[i]), vocabulary);
  return rows;
}

}  // namespace

TokenRows read_token_file(const std::string& path, std::optional<std::int64_t> sequence, std::int64_t vocabulary) {
  const bool text = path.ends_with(".txt");
  if (!text && !path.ends_with(".bin"))
    fail(Exit::bad_input, "--tokens '{}' is neither .txt nor .bin (the ending says how ids are written) rename it",
         printable(path));
  const MappedFile file(path, "--tokens");
  TokenRows rows =
      text ? read_text(path, text_of(file), vocabulary) : read_binary(path, file.bytes(), sequence, vocabulary);
  if (rows.length < 2)
    fail(Exit::bad_input, "--tokens {} has sequences of {} ids (the last is only a target) write at least 2", path,
         rows.length);
  if (sequence && rows.length != *sequence + 1)
    fail(Exit::bad_input,
         "--tokens {} has sequences of {} ids (--seq {} takes {}, the last its target) leave --seq out", path,
         rows.length, *sequence, *sequence + 1);
  return rows;
}

}  // namespace scalebench
