// A file of this name and text in a folder of its own, gone with the object.
#pragma once

#include <filesystem>
#include <fstream>
#include <string>

#include <unistd.h>

namespace scalebench {

class TemporaryFile {
 public:
  TemporaryFile(const std::string& name, const std::string& text) {
    std::string pattern = (std::filesystem::temp_directory_path() / "scalebench-test-XXXXXX").string();
    folder_ = ::mkdtemp(pattern.data());
    path_ = (folder_ / name).string();
    std::ofstream(path_, std::ios::binary) << text;
  }
  ~TemporaryFile() { std::filesystem::remove_all(folder_); }
  TemporaryFile(const TemporaryFile&) = delete;
  TemporaryFile& operator=(const TemporaryFile&) = delete;

  const std::string& path() const { return path_; }
  std::string folder() const { return folder_.string(); }

 private:
  std::filesystem::path folder_;
  std::string path_;
};

}  // namespace scalebench
