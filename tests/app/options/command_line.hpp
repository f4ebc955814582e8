// Command lines in one string, words apart by spaces; the environment of the test holds no SCALEBENCH_ variables else.
#pragma once

#include <cstdlib>
#include <sstream>
#include <string>
#include <vector>

#include <boost/test/unit_test.hpp>

#include "app/options/options.hpp"
#include "base/check.hpp"

namespace scalebench {

inline Options parsed(const std::string& line) {
  std::vector<std::string> words = {"scalebench"};
  std::istringstream stream(line);
  for (std::string word; stream >> word;) words.push_back(word == "''" ? "" : word);
  std::vector<const char*> argv;
  for (const std::string& word : words) argv.push_back(word.c_str());
  return parse_options(static_cast<int>(argv.size()), argv.data());
}

inline void expect_refused(const std::string& line, const std::string& part) {
  BOOST_TEST_CONTEXT("scalebench " << line) {
    try {
      parsed(line);
    } catch (const Error& error) {
      const std::string message = error.what();
      BOOST_TEST(static_cast<int>(error.code()) == 2);
      BOOST_TEST(message.find(part) != std::string::npos, "expected: " << part << "\nthe message is: " << message);
      BOOST_TEST(message.find('(') != std::string::npos, "says why: " << message);
      BOOST_TEST(message.find('\n') == std::string::npos, "one line: " << message);
      return;
    }
    BOOST_TEST(false, "nothing was refused");
  }
}

class Variable {
 public:
  Variable(const char* name, const char* value) : name_(name) { ::setenv(name, value, 1); }
  ~Variable() { ::unsetenv(name_); }
  Variable(const Variable&) = delete;
  Variable& operator=(const Variable&) = delete;

 private:
  const char* name_;
};

}  // namespace scalebench
