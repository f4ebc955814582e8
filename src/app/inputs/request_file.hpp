// What a user asks of decode: requests as they came (a trace), and prompts as token ids.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "spec/serving.hpp"

namespace scalebench {

// A request a line: arrival in s, input and output tokens, apart by a comma or white space. Lines that begin with '#',
// empty ones, and names of the columns above the first request are passed over. Throws Error(bad_input) naming file and
// line: no such three numbers, an arrival before the one above, more tokens than `max_sequence`; or no request at all.
std::vector<TraceLine> read_trace(const std::string& path, std::int64_t max_sequence);

// A prompt a line: ids apart by a comma or white space, 1 to `max_tokens` of them. Throws Error(bad_input) naming file
// and line.
std::vector<std::vector<std::int32_t>> read_prompt_file(const std::string& path, std::int64_t vocabulary,
                                                        std::int64_t max_tokens);

// The same of the text of a file.
std::vector<TraceLine> parse_trace(std::string_view text, const std::string& path, std::int64_t max_sequence);
std::vector<std::vector<std::int32_t>> parse_prompts(std::string_view text, const std::string& path,
                                                     std::int64_t vocabulary, std::int64_t max_tokens);

}  // namespace scalebench
