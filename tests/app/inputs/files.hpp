// Files of a test, in a folder that goes with it.
#pragma once

#include <cstdint>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include <boost/test/unit_test.hpp>
#include <unistd.h>

#include "base/check.hpp"

namespace scalebench::test {

class Folder {
 public:
  Folder() : path_(std::filesystem::temp_directory_path() / ("scalebench-inputs-" + std::to_string(getpid()))) {
    std::filesystem::remove_all(path_);
    std::filesystem::create_directories(path_);
  }
  ~Folder() { std::filesystem::remove_all(path_); }
  std::string path() const { return path_.string(); }
  std::string write(const std::string& name, const std::string& bytes) const {
    std::ofstream(path_ / name, std::ios::binary) << bytes;
    return (path_ / name).string();
  }

 private:
  std::filesystem::path path_;
};

// The file of a header and `data` bytes behind it.
inline std::string safetensors(const std::string& header, const std::string& data) {
  std::string bytes(8, '\0');
  for (std::size_t i = 0; i < 8; ++i) bytes[i] = static_cast<char>(header.size() >> 8 * i & 0xFF);
  return bytes + header + data;
}

template <class Action>
void expect_bad_input(Action action, const std::string& part) {
  BOOST_TEST_CONTEXT(part) {
    BOOST_CHECK_EXCEPTION(action(), Error, [&](const Error& error) {
      BOOST_TEST_MESSAGE(error.what());
      return error.code() == Exit::bad_input && std::string(error.what()).find(part) != std::string::npos;
    });
  }
}

}  // namespace scalebench::test
