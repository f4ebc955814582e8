// One output, one run: the second is refused, and only what is surely dead is taken over.
#include <boost/test/unit_test.hpp>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "app/recorder/output_lock.hpp"
#include "app/recorder/recorder.hpp"
#include "tests/app/recorder/samples.hpp"

using namespace scalebench;
using namespace scalebench::test;

namespace {

LockHolder with(void (*change)(LockHolder&)) {
  LockHolder holder = LockHolder::self();
  change(holder);
  return holder;
}

pid_t dead_process() {
  const pid_t child = ::fork();
  if (child == 0) ::_exit(0);
  ::waitpid(child, nullptr, 0);
  return child;
}

// Sets a variable of the environment, and puts it back at the end.
struct Variable {
  Variable(const char* name_, const char* value) : name(name_) { ::setenv(name, value, 1); }
  ~Variable() { ::unsetenv(name); }
  const char* name;
};

}  // namespace

BOOST_AUTO_TEST_SUITE(recorder_lock)

BOOST_AUTO_TEST_CASE(a_second_run_is_refused_and_told_who_holds_the_lock) {
  const Folder folder;
  const Variable job("SLURM_JOB_ID", "4711");
  Recorder first(folder / "a.h5", Existing::refuse);
  first.save(training_run());
  const std::string before = contents(folder / "a.h5");
  for (const Existing existing : {Existing::refuse, Existing::replace, Existing::append}) {
    const std::string message = refusal([&] { Recorder(folder / "a.h5", existing); });
    BOOST_TEST(holds(message, "in use by another run"), message);
    BOOST_TEST(holds(message, std::to_string(::getpid())), message);
    BOOST_TEST(holds(message, "4711"), message);
    BOOST_TEST(holds(message, "a.h5.lock"), message);
  }
  BOOST_TEST((contents(folder / "a.h5") == before));
  first.save(training_run(3));
}

BOOST_AUTO_TEST_CASE(another_process_is_refused_too) {
  const Folder folder;
  const Recorder first(folder / "a.h5", Existing::refuse);
  const pid_t child = ::fork();
  if (child == 0) ::_exit(refusal([&] { Recorder(folder / "a.h5", Existing::replace); }).empty() ? 1 : 0);
  int status = -1;
  ::waitpid(child, &status, 0);
  BOOST_TEST(status == 0);
}

BOOST_AUTO_TEST_CASE(the_lock_ends_with_its_run) {
  const Folder folder;
  { const Recorder first(folder / "a.h5", Existing::refuse); }
  BOOST_TEST(folder.names().empty());
  BOOST_TEST(refusal([&] { Recorder(folder / "a.h5", Existing::refuse); }) == "");
}

BOOST_AUTO_TEST_CASE(links_to_one_file_share_its_lock) {
  const Folder folder;
  put(folder / "target.h5", "");
  std::filesystem::create_symlink("target.h5", folder / "a.h5");
  const Recorder first(folder / "target.h5", Existing::replace);
  BOOST_TEST(holds(refusal([&] { Recorder(folder / "a.h5", Existing::replace); }), "in use"));
}

BOOST_AUTO_TEST_CASE(the_lock_of_a_dead_process_of_this_host_is_taken_over) {
  const Folder folder;
  LockHolder dead = LockHolder::self();
  dead.pid = dead_process();
  put(folder / "a.h5.lock", dead.text());
  {
    const Recorder recorder(folder / "a.h5", Existing::refuse);
    BOOST_TEST(contents(folder / "a.h5.lock") == LockHolder::self().text());
  }
  BOOST_TEST(folder.names().empty());
}

BOOST_AUTO_TEST_CASE(what_may_live_is_not_taken_over) {
  const Folder folder;
  const std::vector<std::string> locks = {
      with([](LockHolder& h) { h.host = "elsewhere", h.pid = dead_process(); }).text(),
      with([](LockHolder& h) { h.space = "pid:[1]", h.pid = dead_process(); }).text(),
      with([](LockHolder& h) { h.pid = 1; }).text(), "", "rubbish"};
  for (const std::string& lock : locks) {
    put(folder / "a.h5.lock", lock);
    const std::string message = refusal([&] { Recorder(folder / "a.h5", Existing::refuse); });
    BOOST_TEST(holds(message, "remove " + (folder / "a.h5.lock").string()), message);
    BOOST_TEST(contents(folder / "a.h5.lock") == lock);
  }
}

BOOST_AUTO_TEST_CASE(a_requeued_job_takes_over_its_own_lock_from_another_host) {
  const Variable job("SLURM_JOB_ID", "4711"), restart("SLURM_RESTART_COUNT", "1");
  const auto elsewhere = [](LockHolder& h) { h.host = "elsewhere", h.restart = 0; };
  BOOST_TEST(with(elsewhere).gone());
  BOOST_TEST(!with([](LockHolder& h) { h.host = "elsewhere"; }).gone());
  LockHolder other = with(elsewhere);
  other.job = "4712";
  BOOST_TEST(!other.gone());
}

BOOST_AUTO_TEST_CASE(a_holder_is_read_as_it_was_written) {
  const LockHolder holder{.host = "n 1", .space = "pid:[4]", .pid = 77, .job = "9_1", .restart = 2};
  const LockHolder read = LockHolder::parse(holder.text());
  BOOST_TEST(read.text() == holder.text());
  BOOST_TEST(read.pid == 77);
  BOOST_TEST(read.host == "n 1");
}

BOOST_AUTO_TEST_CASE(a_forked_child_leaves_the_lock_of_its_parent) {
  const Folder folder;
  auto recorder = std::make_unique<Recorder>(folder / "a.h5", Existing::refuse);
  const pid_t child = ::fork();
  if (child == 0) {
    recorder.reset();
    ::_exit(0);
  }
  ::waitpid(child, nullptr, 0);
  BOOST_TEST(folder.names() == std::vector<std::string>{"a.h5.lock"});
}

BOOST_AUTO_TEST_SUITE_END()
