// Expects an Error with this exit code whose message holds this text.
#pragma once

#include <string>

#include <boost/test/unit_test.hpp>

#include "base/check.hpp"

namespace scalebench {

inline void expect_refusal(auto&& call, const std::string& part, Exit code = Exit::bad_input) {
  BOOST_TEST_CONTEXT("expected: " << part) {
    try {
      call();
    } catch (const Error& error) {
      const std::string message = error.what();
      BOOST_TEST(static_cast<int>(error.code()) == static_cast<int>(code));
      BOOST_TEST(message.find(part) != std::string::npos, "the message is: " << message);
      BOOST_TEST(message.find('\n') == std::string::npos, "one line: " << message);
      BOOST_TEST(message.size() < 700u);
      return;
    }
    BOOST_TEST(false, "nothing was refused");
  }
}

}  // namespace scalebench
