// Lines of a text that a user brings, the words of a line, and words that are token ids.
#pragma once

#include <algorithm>
#include <cstdint>
#include <string>
#include <string_view>

#include "app/inputs/mapped_file.hpp"

namespace scalebench {

// Where a line stands, for messages: "FILE:3".
struct Place {
  const std::string& path;
  std::size_t line;  // from 1
  std::string text() const;
};

inline std::string_view text_of(const MappedFile& file) {
  return {reinterpret_cast<const char*>(file.bytes().data()), file.bytes().size()};
}

// Throws Error(bad_input), with `what` naming its use: too large for lines, or a zero byte, as in no text.
void require_lines(const MappedFile& file, const char* what);

// Throws Error(bad_input) naming the place: no whole number, or none of the vocabulary.
[[noreturn]] void refuse_id(const std::string& where, std::string_view id, std::int64_t vocabulary);
std::int32_t token_id(std::string_view word, std::int64_t vocabulary, const Place& place);

// Calls visit(line, number from 1), without the '\r' of Windows' lines. The last line may lack its end.
template <class Visit>
void each_line(std::string_view text, Visit visit) {
  std::size_t number = 0;
  for (std::size_t begin = 0; begin < text.size();) {
    const std::size_t end = std::min(text.find('\n', begin), text.size());
    const std::string_view line = text.substr(begin, end - begin);
    visit(line.substr(0, line.size() - (line.ends_with('\r') ? 1 : 0)), ++number);
    begin = end + 1;
  }
}

// Calls visit(word) with what stands between white space.
template <class Visit>
void each_word(std::string_view line, Visit visit) {
  constexpr std::string_view kBlanks = " \t\r";
  for (std::size_t begin = line.find_first_not_of(kBlanks); begin != std::string_view::npos;) {
    const std::size_t end = std::min(line.find_first_of(kBlanks, begin), line.size());
    visit(line.substr(begin, end - begin));
    begin = line.find_first_not_of(kBlanks, end);
  }
}

// Commas are white space here, but for nothing between two of them, or beside one: that is a word, too, an empty one.
template <class Visit>
void each_field(std::string_view line, Visit visit) {
  const bool list = line.find(',') != std::string_view::npos;
  for (std::size_t begin = 0; begin <= line.size();) {
    const std::size_t end = std::min(line.find(',', begin), line.size());
    bool empty = true;
    each_word(line.substr(begin, end - begin), [&](std::string_view word) { visit(word), empty = false; });
    if (list && empty) visit(std::string_view());
    begin = end + 1;
  }
}

}  // namespace scalebench
