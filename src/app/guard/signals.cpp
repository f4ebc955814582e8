#include "app/guard/signals.hpp"

#include <atomic>

#include <signal.h>

namespace scalebench {
namespace {

// Static, since a handler reaches nothing else.
constinit std::atomic<int> asked{0};
static_assert(std::atomic<int>::is_always_lock_free);

void note(int signal) {
  const int wish = static_cast<int>(signal == SIGUSR1 ? Stop::after_point : Stop::now);
  int before = asked.load();
  while (before < wish && !asked.compare_exchange_weak(before, wish)) {
  }
}

void handle(int signal, void (*handler)(int), int flags) {
  struct sigaction action {};
  action.sa_handler = handler;
  action.sa_flags = flags;
  sigemptyset(&action.sa_mask);
  sigaction(signal, &action, nullptr);
}

}  // namespace

Signals::Signals() {
  asked = 0;
  handle(SIGUSR1, note, SA_RESTART);
  // Once only: whoever asks a second time does not want to wait for the iteration.
  for (const int signal : {SIGTERM, SIGINT}) handle(signal, note, SA_RESTART | static_cast<int>(SA_RESETHAND));
  handle(SIGPIPE, SIG_IGN, 0);
}

Signals::~Signals() {
  for (const int signal : {SIGUSR1, SIGTERM, SIGINT, SIGPIPE}) handle(signal, SIG_DFL, 0);
}

Stop Signals::requested() const { return static_cast<Stop>(asked.load()); }

}  // namespace scalebench
