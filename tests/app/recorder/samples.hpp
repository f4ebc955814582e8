// Measurements to be written, and what is needed to look at what was.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "app/measure/measurement.hpp"
#include "base/check.hpp"

namespace scalebench::test {

// Every field set to a value of its own, NaN where something is not known; `points` points of 2, 4, 8 ... ranks.
Measurement training_run(int points = 2);
Measurement collective_run();
Measurement decode_run();       // a search for a rate: a closed loop and an open one
Point small_point(int number);  // of 2 ranks; all follows from the number

// All fields as text, reals to the last bit.
std::string describe(const Measurement& run);

// An empty folder, removed at the end.
class Folder {
 public:
  Folder();
  ~Folder();
  std::filesystem::path operator/(const std::string& name) const { return path_ / name; }
  const std::filesystem::path& path() const { return path_; }
  std::vector<std::string> names() const;  // sorted

 private:
  std::filesystem::path path_;
};

std::string contents(const std::filesystem::path& file);
void put(const std::filesystem::path& file, const std::string& text);

// The message of the Error(output) that `act` throws; "" if it throws none.
template <class Act>
std::string refusal(Act act) {
  try {
    act();
  } catch (const Error& error) {
    return error.code() == Exit::output ? error.what() : "another exit code";
  }
  return "";
}

inline bool holds(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

}  // namespace scalebench::test
