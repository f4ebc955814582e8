#include "app/guard/signals.hpp"

#include <functional>

#include <boost/test/unit_test.hpp>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

using namespace scalebench;

namespace {

// The wait status of a child that does this.
int status_of(const std::function<void()>& action) {
  const pid_t child = fork();
  if (child == 0) {
    action();
    _exit(0);
  }
  int status = 0;
  waitpid(child, &status, 0);
  return status;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(signals)

BOOST_AUTO_TEST_CASE(signals_ask_for_what_they_stand_for) {
  for (const auto& [signal, stop] :
       {std::pair(SIGUSR1, Stop::after_point), {SIGTERM, Stop::now}, {SIGINT, Stop::now}}) {
    const Signals asked;
    BOOST_CHECK(asked.requested() == Stop::none);
    raise(signal);
    BOOST_CHECK(asked.requested() == stop);
  }
}

BOOST_AUTO_TEST_CASE(a_milder_wish_does_not_replace_a_stronger_one) {
  const Signals asked;
  raise(SIGTERM);
  raise(SIGUSR1);
  BOOST_CHECK(asked.requested() == Stop::now);
}

BOOST_AUTO_TEST_CASE(a_second_interrupt_ends_the_process) {
  const int status = status_of([] {
    const Signals asked;
    raise(SIGINT);
    raise(SIGINT);
  });
  BOOST_CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGINT);
}

BOOST_AUTO_TEST_CASE(a_closed_pipe_does_not_end_the_process) {
  const int status = status_of([] {
    const Signals asked;
    raise(SIGPIPE);
  });
  BOOST_CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

BOOST_AUTO_TEST_SUITE_END()
