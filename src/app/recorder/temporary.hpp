// Temporary files beside the file that they are to become: ".NAME.<16 hexadecimal digits>.tmp".
#pragma once

#include <cstddef>
#include <filesystem>
#include <span>
#include <string>

namespace scalebench {

// A name that no file has; the file is removed at the end, unless it was renamed.
class Temporary {
 public:
  explicit Temporary(const std::filesystem::path& final);
  ~Temporary();
  Temporary(const Temporary&) = delete;
  Temporary& operator=(const Temporary&) = delete;

  const std::filesystem::path& path() const { return path_; }
  void write(std::span<const std::byte> bytes) const;  // makes it; the bytes have reached the disk
  bool holds(std::span<const std::byte> bytes) const;  // when read back
  void rename_to(const std::filesystem::path& final) const;

 private:
  std::filesystem::path path_;
};

// Those of runs that were killed.
void remove_temporaries_of(const std::filesystem::path& final);

}  // namespace scalebench
