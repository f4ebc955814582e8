// Small text files that a user names: configurations and descriptions.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace scalebench {

inline constexpr std::size_t kLargestTextFile = 10'000'000;  // bytes

// The whole text. Throws Error(bad_input), with `what` ("model", "--config file") naming its use: missing, a folder or
// something else that is no file, not readable, too large, binary.
std::string read_text_file(const std::string& path, std::string_view what);

// 1 for the first.
std::size_t line_at(std::string_view text, std::size_t offset);

}  // namespace scalebench
