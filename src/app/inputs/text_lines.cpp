#include "app/inputs/text_lines.hpp"

#include <fmt/format.h>

#include "base/check.hpp"
#include "base/text.hpp"
#include "base/text_file.hpp"
#include "base/units.hpp"

namespace scalebench {

std::string Place::text() const { return fmt::format("{}:{}", path, line); }

void require_lines(const MappedFile& file, const char* what) {
  constexpr std::size_t kLargest = 1'000'000'000;  // bytes
  if (file.bytes().size() > kLargest)
    fail(Exit::bad_input, "{} '{}' is larger than {} (so many requests are never served) name the right file", what,
         file.path(), format_bytes(kLargest));
  const std::string_view text = text_of(file);
  if (const std::size_t zero = text.find('\0'); zero != std::string_view::npos)
    fail(Exit::bad_input, "{} {}:{} holds a zero byte (it is no text) name a text file", what, file.path(),
         line_at(text, zero));
}

void refuse_id(const std::string& where, std::string_view id, std::int64_t vocabulary) {
  fail(Exit::bad_input,
       "{}: '{}' is no token id (the model's vocabulary has ids 0 to {}) use the model's own tokenizer", where,
       printable(id, 40), vocabulary - 1);
}

std::int32_t token_id(std::string_view word, std::int64_t vocabulary, const Place& place) {
  const auto id = parse_integer(word);
  if (!id || *id < 0 || *id >= vocabulary) refuse_id(place.text(), word, vocabulary);
  return static_cast<std::int32_t>(*id);
}

}  // namespace scalebench
