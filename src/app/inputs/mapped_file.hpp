// A file as memory: pages are read when they are touched, so that a rank reads its shard alone.
#pragma once

#include <cstddef>
#include <span>
#include <string>

namespace scalebench {

class MappedFile {
 public:
  // Throws Error(bad_input), with `what` naming its use: missing, no regular file, not readable, empty.
  MappedFile(const std::string& path, const char* what);
  ~MappedFile();
  MappedFile(MappedFile&& other) noexcept;
  MappedFile& operator=(MappedFile&&) = delete;

  std::span<const std::byte> bytes() const { return bytes_; }
  const std::string& path() const { return path_; }

 private:
  std::string path_;
  std::span<const std::byte> bytes_{};
};

}  // namespace scalebench
