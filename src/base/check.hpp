// Errors: thrown as Error with the exit code that the process will leave with.
#pragma once

#include <stdexcept>
#include <string>
#include <utility>

#include <fmt/format.h>

namespace scalebench {

// Exit codes that users script against (100 and above belong to launchers).
enum class Exit : int {
  ok = 0,
  bad_input = 2,  // options, plan, batch, config.json, device or dtype name, token ids
  unfit = 3,      // memory, absent GPU, bad launch
  wrong = 4,      // wrong numbers
  threshold = 5,  // below the wanted threshold
  output = 6,     // the result file could not be written
  timeout = 7,    // watchdog
  peer_lost = 8,  // another rank died
  stopped = 9,    // stopped by a signal or a time limit, resumable
};

// Message form: "problem (why it is a problem) suggestion".
class Error : public std::runtime_error {
 public:
  Error(Exit code, const std::string& message) : std::runtime_error(message), code_(code) {}
  Exit code() const { return code_; }

 private:
  Exit code_;
};

template <class... Args>
[[noreturn]] void fail(Exit code, fmt::format_string<Args...> text, Args&&... args) {
  throw Error(code, fmt::format(text, std::forward<Args>(args)...));
}

// A broken promise between parts of scalebench itself: a bug, never the user's input.
class BrokenContract : public std::logic_error {
 public:
  using std::logic_error::logic_error;
};

template <class... Args>
void ensure(bool kept, fmt::format_string<Args...> text, Args&&... args) {
  if (!kept) throw BrokenContract(fmt::format(text, std::forward<Args>(args)...));
}

}  // namespace scalebench
