// Owner of a file descriptor; what fails throws std::system_error with errno.
#pragma once

#include <cstddef>
#include <filesystem>
#include <span>
#include <string>
#include <vector>

#include <sys/types.h>

namespace scalebench {

class Descriptor {
 public:
  Descriptor(const std::filesystem::path& path, int flags, mode_t mode = 0);
  ~Descriptor();
  Descriptor(Descriptor&& other) noexcept;
  Descriptor& operator=(Descriptor&&) = delete;

  int get() const { return fd_; }
  void write(std::span<const std::byte> bytes);
  void write(const std::string& text);
  std::vector<std::byte> read(std::size_t most);  // up to `most` bytes, from where it stands
  void flush();                                   // fsync
  void close();                                   // some file systems report a full disk or quota only here

 private:
  int fd_;
};

}  // namespace scalebench
