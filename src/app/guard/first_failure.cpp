#include "app/guard/first_failure.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <string>
#include <system_error>

#include <dlfcn.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

namespace scalebench {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kMostOfFrame = 4500;  // bytes: two strings, every letter escaped

// JSON into a buffer of fixed size, without allocation. Long strings are cut, so that all of it fits.
class JsonText {
 public:
  void plain(std::string_view text) {
    if (text.size() > text_.size() - size_) return;
    std::memcpy(text_.data() + size_, text.data(), text.size());
    size_ += text.size();
  }
  void string(std::string_view text) {
    plain("\"");
    for (const char c : text.substr(0, kLongest)) {
      if (c == '"' || c == '\\') plain("\\");
      plain(static_cast<unsigned char>(c) < ' ' ? " " : std::string_view(&c, 1));
    }
    plain("\"");
  }
  void number(long long value, int base = 10) {
    std::array<char, 32> digits{};
    std::size_t at = digits.size();
    auto rest = static_cast<unsigned long long>(value < 0 ? -value : value);
    do {
      digits[--at] = "0123456789abcdef"[rest % static_cast<unsigned>(base)];
      rest /= static_cast<unsigned>(base);
    } while (rest > 0);
    if (value < 0) plain("-");
    plain(std::string_view(digits.data() + at, digits.size() - at));
  }
  void field(std::string_view name, std::string_view text) { begin(name), string(text); }
  void field(std::string_view name, long long value) { begin(name), number(value); }
  void begin(std::string_view name) { plain(size_ == 0 ? "{\n  " : ",\n  "), string(name), plain(": "); }
  std::string_view view() const { return {text_.data(), size_}; }
  std::size_t room() const { return text_.size() - size_; }

 private:
  static constexpr std::size_t kLongest = 1024;
  std::array<char, 16384> text_{};
  std::size_t size_ = 0;
};

// dladdr is not on POSIX's list for handlers, but glibc's takes no lock that a crash outside of dlopen could hold.
void append_frame(JsonText& json, void* address) {
  Dl_info info{};
  json.plain("{\"module\": ");
  const bool known = dladdr(address, &info) != 0 && info.dli_fname != nullptr;
  json.string(known ? info.dli_fname : "");
  json.plain(", \"offset\": \"0x");
  json.number(static_cast<char*>(address) - static_cast<char*>(known ? info.dli_fbase : nullptr), 16);
  json.plain("\", \"symbol\": ");
  json.string(known && info.dli_sname != nullptr ? info.dli_sname : "");
  json.plain("}");
}

void append_frames(JsonText& json, void* const* frames, int count) {
  json.begin("frames");
  json.plain("[");
  for (int i = 0; i < count && json.room() > kMostOfFrame; ++i) {
    json.plain(i == 0 ? "\n    " : ",\n    ");
    append_frame(json, frames[i]);
  }
  json.plain("]");
}

bool write_all(int file, std::string_view text) {
  while (!text.empty()) {
    const ssize_t written = write(file, text.data(), text.size());
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) return false;
    text.remove_prefix(static_cast<std::size_t>(written));
  }
  return true;
}

}  // namespace

Wrote write_first_failure(const char* path, const Failure& failure, void* const* frames, int count) {
  const int file = open(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0644);
  if (file < 0) return errno == EEXIST ? Wrote::another_was_first : Wrote::impossible;
  JsonText json;
  json.field("rank", failure.rank);
  json.field("host", failure.host);
  json.field("phase", failure.phase);
  json.field("message", failure.message);
  json.field("errno", failure.error_number);
  json.field("exit_code", failure.exit_code);
  if (count > 0) append_frames(json, frames, count);
  json.plain("\n}\n");
  const bool whole = write_all(file, json.view());
  return close(file) == 0 && whole ? Wrote::yes : Wrote::impossible;
}

fs::path failure_path(const fs::path& stem) { return stem.string() + ".error.json"; }
fs::path flight_path(const fs::path& stem, int rank) { return fmt::format("{}.flight.{}.json", stem.string(), rank); }

void remove_old_failures(const fs::path& stem) {
  std::error_code error;
  fs::remove(failure_path(stem), error);
  const std::string prefix = stem.filename().string() + ".flight.", suffix = ".json";
  const fs::path folder = stem.has_parent_path() ? stem.parent_path() : ".";
  for (fs::directory_iterator entry(folder, error), end; !error && entry != end; entry.increment(error)) {
    const std::string name = entry->path().filename().string();
    if (name.size() <= prefix.size() + suffix.size() || !name.starts_with(prefix) || !name.ends_with(suffix)) continue;
    const auto rank = name.substr(prefix.size(), name.size() - prefix.size() - suffix.size());
    if (rank.find_first_not_of("0123456789") == std::string::npos) unlink(entry->path().c_str());
  }
}

}  // namespace scalebench
