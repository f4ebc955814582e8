// A file that is replaced whole or not at all: temporary, check, fsync, rename.
#pragma once

#include <cstddef>
#include <filesystem>
#include <functional>
#include <span>

#include "app/recorder/output_lock.hpp"

namespace scalebench {

class OutputFile {
 public:
  // Locks the name, removes what dead runs left, and makes sure that files can be made and renamed in its folder.
  // Throws Error(output); a file of that name is not touched.
  explicit OutputFile(const std::filesystem::path& path);

  const std::filesystem::path& path() const { return path_; }
  bool exists() const;

  // Throws where something else than HDF5 stands there: --force replaces results, never a user's tokens or weights.
  void refuse_what_is_no_result() const;

  // Puts `bytes` under the name, after they have reached the disk, were read back, and `verify` did not throw at the
  // temporary file. Throws Error(output), or what `verify` throws; then the old file is as it was and no other is left.
  void replace(std::span<const std::byte> bytes, const std::function<void(const std::filesystem::path&)>& verify) const;

 private:
  void probe() const;

  std::filesystem::path path_;
  OutputLock lock_;
};

}  // namespace scalebench
