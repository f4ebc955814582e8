#include "app/recorder/temporary.hpp"

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <cstdio>
#include <random>
#include <string_view>
#include <system_error>

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include "app/recorder/descriptor.hpp"

namespace scalebench {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kSuffix = ".tmp";
constexpr std::size_t kRandomDigits = 16;

fs::path random_name(const fs::path& final) {
  std::random_device draw;
  const std::uint64_t random = std::uint64_t{draw()} << 32 | draw();
  return final.parent_path() / fmt::format(".{}.{:016x}{}", final.filename().string(), random, kSuffix);
}

bool is_temporary(std::string_view name, std::string_view prefix) {
  if (name.size() != prefix.size() + kRandomDigits + kSuffix.size()) return false;
  if (!name.starts_with(prefix) || !name.ends_with(kSuffix)) return false;
  return name.substr(prefix.size(), kRandomDigits).find_first_not_of("0123456789abcdef") == std::string_view::npos;
}

}  // namespace

Temporary::Temporary(const fs::path& final) : path_(random_name(final)) {}

Temporary::~Temporary() { ::unlink(path_.c_str()); }

void Temporary::write(std::span<const std::byte> bytes) const {
  Descriptor file(path_, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, 0644);
  file.write(bytes);
  file.flush();
  file.close();
}

// From the disk, as far as the system lets go of what it holds in memory.
bool Temporary::holds(std::span<const std::byte> bytes) const {
  Descriptor file(path_, O_RDONLY | O_NOFOLLOW);
  ::posix_fadvise(file.get(), 0, 0, POSIX_FADV_DONTNEED);
  return std::ranges::equal(file.read(bytes.size() + 1), bytes);
}

void Temporary::rename_to(const fs::path& final) const {
  if (::rename(path_.c_str(), final.c_str()) != 0) throw std::system_error(errno, std::generic_category());
}

void remove_temporaries_of(const fs::path& final) {
  const std::string prefix = fmt::format(".{}.", final.filename().string());
  std::error_code error;
  for (fs::directory_iterator entry(final.parent_path(), error), end; !error && entry != end; entry.increment(error))
    if (is_temporary(entry->path().filename().string(), prefix)) ::unlink(entry->path().c_str());
}

}  // namespace scalebench
