#include "base/text_file.hpp"

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <filesystem>
#include <memory>
#include <system_error>

#include "base/check.hpp"

namespace scalebench {

namespace {

void require_file(const std::string& path, std::string_view what) {
  std::error_code error;
  const std::filesystem::file_status status = std::filesystem::status(path, error);
  if (!std::filesystem::exists(status))
    fail(Exit::bad_input, "{} '{}' is not there ({}) check the path", what, path,
         error ? error.message() : "No such file or directory");
  if (std::filesystem::is_directory(status))
    fail(Exit::bad_input, "{} '{}' is a folder (a file is needed) name the file in it", what, path);
  if (!std::filesystem::is_regular_file(status))
    fail(Exit::bad_input, "{} '{}' is not a regular file (it may never end) name a file", what, path);
}

std::string reason() { return std::generic_category().message(errno); }

}  // namespace

std::string read_text_file(const std::string& path, std::string_view what) {
  require_file(path, what);
  const std::unique_ptr<std::FILE, int (*)(std::FILE*)> file(std::fopen(path.c_str(), "rb"), std::fclose);
  if (!file) fail(Exit::bad_input, "{} '{}' can't be opened ({}) check its permissions", what, path, reason());
  std::string text;
  char block[1 << 16];
  for (std::size_t got = 1; got > 0 && text.size() <= kLargestTextFile; text.append(block, got))
    got = std::fread(block, 1, sizeof block, file.get());
  if (std::ferror(file.get())) fail(Exit::bad_input, "{} '{}' can't be read ({}) check the file", what, path, reason());
  if (text.size() > kLargestTextFile)
    fail(Exit::bad_input, "{} '{}' is larger than {} MB (such files are small) name the right file", what, path,
         kLargestTextFile / 1'000'000);
  if (const std::size_t zero = text.find('\0'); zero != std::string::npos)
    fail(Exit::bad_input, "{} '{}' is a binary file (byte {} is zero) name a text file", what, path, zero);
  return text;
}

std::size_t line_at(std::string_view text, std::size_t offset) {
  const std::string_view before = text.substr(0, offset);
  return 1 + static_cast<std::size_t>(std::count(before.begin(), before.end(), '\n'));
}

}  // namespace scalebench
