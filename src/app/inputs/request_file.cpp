#include "app/inputs/request_file.hpp"

#include <array>
#include <string_view>
#include <utility>

#include "app/inputs/mapped_file.hpp"
#include "app/inputs/text_lines.hpp"
#include "base/check.hpp"
#include "base/text.hpp"
#include "base/units.hpp"

namespace scalebench {

namespace {

constexpr double kLatestArrival = 1e7;  // s, some months: later ones are times of day
constexpr std::array<std::string_view, 3> kColumns = {"arrival", "input", "output"};

struct Fields {
  std::array<std::string_view, 3> words{};
  std::size_t count = 0;
};

Fields fields_of(std::string_view line) {
  Fields fields;
  each_field(line, [&](std::string_view word) {
    if (fields.count < fields.words.size()) fields.words[fields.count] = word;
    ++fields.count;
  });
  return fields;
}

// "arrival_time,input_tokens,output_tokens".
bool names_columns(const Fields& fields) {
  for (std::size_t i = 0; i < kColumns.size(); ++i)
    if (!fields.words[i].starts_with(kColumns[i])) return false;
  return fields.count == kColumns.size();
}

class Trace {
 public:
  Trace(const std::string& path, std::int64_t max_sequence) : path_(path), max_sequence_(max_sequence) {}

  void add_line(std::string_view line, std::size_t number) {
    const Fields fields = fields_of(line);
    if (fields.count == 0 || fields.words[0].starts_with('#')) return;
    if (!std::exchange(begun_, true) && names_columns(fields)) return;
    const Place place{.path = path_, .line = number};
    if (fields.count != kColumns.size())
      fail(Exit::bad_input, "{}: '{}' has {} value{} (a request has 3) write arrival in s, input tokens, output tokens",
           place.text(), printable(line, 40), fields.count, fields.count == 1 ? "" : "s");
    lines_.push_back({.arrival = arrival_in(fields.words[0], place),
                      .input = tokens_in(fields.words[1], "input", place),
                      .output = tokens_in(fields.words[2], "output", place)});
    if (lines_.back().input + lines_.back().output > max_sequence_)
      fail(Exit::bad_input, "{}: {} + {} tokens (the model takes {} together) shorten the request", place.text(),
           lines_.back().input, lines_.back().output, max_sequence_);
  }

  std::vector<TraceLine> take() { return std::move(lines_); }

 private:
  double arrival_in(std::string_view word, const Place& place) const {
    const auto arrival = parse_real(word);
    if (!arrival || !(*arrival >= 0 && *arrival <= kLatestArrival))
      fail(Exit::bad_input, "{}: '{}' is no arrival (it is a time in s from 0 to {}) count from the first request",
           place.text(), printable(word, 40), kLatestArrival);
    if (!lines_.empty() && *arrival < lines_.back().arrival)
      fail(Exit::bad_input, "{}: arrival {} is before {} of the request above (requests stand as they come) sort them",
           place.text(), *arrival, lines_.back().arrival);
    return *arrival;
  }

  std::int64_t tokens_in(std::string_view word, std::string_view column, const Place& place) const {
    const auto tokens = parse_integer(word);
    if (!tokens || *tokens < 1 || *tokens > max_sequence_)
      fail(Exit::bad_input, "{}: '{}' is no number of {} tokens (the model takes 1 to {}) write a whole number",
           place.text(), printable(word, 40), column, max_sequence_);
    return *tokens;
  }

  const std::string& path_;
  std::int64_t max_sequence_;
  bool begun_ = false;
  std::vector<TraceLine> lines_{};
};

std::vector<std::int32_t> prompt_of(std::string_view line, std::int64_t vocabulary, std::int64_t max_tokens,
                                    const Place& place) {
  std::vector<std::int32_t> ids;
  each_field(line, [&](std::string_view word) {
    ids.push_back(token_id(word, vocabulary, place));
    if (static_cast<std::int64_t>(ids.size()) > max_tokens)
      fail(Exit::bad_input, "{}: more than {} ids (a prompt and its answer fit into what the model takes) shorten it",
           place.text(), max_tokens);
  });
  if (ids.empty())
    fail(Exit::bad_input, "{}: an empty line (each line is a prompt, of at least one id) take it out", place.text());
  return ids;
}

}  // namespace

std::vector<TraceLine> parse_trace(std::string_view text, const std::string& path, std::int64_t max_sequence) {
  Trace trace(path, max_sequence);
  each_line(text, [&](std::string_view line, std::size_t number) { trace.add_line(line, number); });
  std::vector<TraceLine> lines = trace.take();
  if (lines.empty())
    fail(Exit::bad_input, "--trace {} has no request (comments and names alone) write a line for each", path);
  return lines;
}

std::vector<std::vector<std::int32_t>> parse_prompts(std::string_view text, const std::string& path,
                                                     std::int64_t vocabulary, std::int64_t max_tokens) {
  std::vector<std::vector<std::int32_t>> prompts;
  each_line(text, [&](std::string_view line, std::size_t number) {
    prompts.push_back(prompt_of(line, vocabulary, max_tokens, {.path = path, .line = number}));
  });
  return prompts;
}

std::vector<TraceLine> read_trace(const std::string& path, std::int64_t max_sequence) {
  const MappedFile file(path, "--trace");
  require_lines(file, "--trace");
  return parse_trace(text_of(file), path, max_sequence);
}

std::vector<std::vector<std::int32_t>> read_prompt_file(const std::string& path, std::int64_t vocabulary,
                                                        std::int64_t max_tokens) {
  const MappedFile file(path, "--prompt-tokens");
  require_lines(file, "--prompt-tokens");
  return parse_prompts(text_of(file), path, vocabulary, max_tokens);
}

}  // namespace scalebench
