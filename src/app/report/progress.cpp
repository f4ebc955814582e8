#include "app/report/progress.hpp"

#include <cstdio>
#include <cstdlib>

#include <fmt/core.h>
#include <unistd.h>

#include "base/clock.hpp"

namespace scalebench {

namespace {
constexpr double kOnTerminal = 0.2, kInLog = 30.0;  // s between updates
}

ProgressLine ProgressLine::on_stderr(bool speaks) {
  return {speaks, isatty(STDERR_FILENO) == 1 && std::getenv("NO_COLOR") == nullptr};
}

void ProgressLine::update(const std::string& text) {
  const double now = monotonic_seconds();
  if (last_ == 0) last_ = terminal_ ? 0 : now;
  if (!speaks_ || now - last_ < (terminal_ ? kOnTerminal : kInLog)) return;
  last_ = now;
  if (terminal_)
    fmt::print(stderr, "\r\033[K{}", text);
  else
    fmt::print(stderr, "{}\n", text);
  std::fflush(stderr);
  open_ = terminal_;
}

void ProgressLine::say(const std::string& text) {
  if (!speaks_) return;
  clear();
  fmt::print(stderr, "{}\n", text);
  std::fflush(stderr);
  last_ = monotonic_seconds();
}

void ProgressLine::clear() {
  if (open_) fmt::print(stderr, "\r\033[K");
  open_ = false;
}

}  // namespace scalebench
