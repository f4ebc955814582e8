// A writer that is killed at any moment leaves a whole result, at most the running point short.
#include <algorithm>
#include <atomic>
#include <chrono>
#include <random>

#include <boost/test/unit_test.hpp>
#include <signal.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "app/recorder/file.hpp"
#include "app/recorder/recorder.hpp"
#include "tests/app/recorder/samples.hpp"

using namespace scalebench;
using namespace scalebench::test;

namespace {

constexpr int kTrials = 500;
constexpr int kMostSaves = 3;         // begun before the kill
constexpr long kLongest = 4'000'000;  // ns from there to the kill
constexpr auto kPatience = std::chrono::seconds(20);

// Shared with the writer: how many saves have begun and ended.
struct Progress {
  std::atomic<int> begun{0}, ended{0};
};

Progress& shared_progress() {
  void* memory = ::mmap(nullptr, sizeof(Progress), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  BOOST_REQUIRE(memory != MAP_FAILED);
  return *new (memory) Progress;
}

Measurement run_of(int trial) { return {.workload = "all_reduce", .run_id = std::to_string(trial)}; }

// Saves one more point each time, for ever.
[[noreturn]] void write_for_ever(const std::filesystem::path& path, int trial, Progress& progress) try {
  Recorder recorder(path, Existing::replace);
  Measurement run = run_of(trial);
  for (int count = 1;; ++count) {
    run.points.push_back(small_point(1000 * trial + count));
    progress.begun = count;
    recorder.save(run);
    progress.ended = count;
  }
} catch (const std::exception&) {
  ::_exit(1);
}

// However slow the machine is: a save has begun. False if the writer never gets there.
bool await_saves(const Progress& progress, int count) {
  const auto last = std::chrono::steady_clock::now() + kPatience;
  while (progress.begun < count && std::chrono::steady_clock::now() < last) ::usleep(20);
  return progress.begun >= count;
}

int kill_after(pid_t child, long nanoseconds) {
  const timespec delay{0, nanoseconds};
  ::nanosleep(&delay, nullptr);
  ::kill(child, SIGKILL);
  int status = 0;
  ::waitpid(child, &status, 0);
  return status;
}

std::string as_written(int trial, std::size_t points) {
  Measurement run = run_of(trial);
  for (int i = 1; i <= static_cast<int>(points); ++i) run.points.push_back(small_point(1000 * trial + i));
  return describe(run);
}

}  // namespace

BOOST_AUTO_TEST_CASE(a_writer_killed_at_any_moment_leaves_a_whole_result) {
  const Folder folder;
  const auto path = folder / "a.h5";
  std::mt19937 draw(1);
  std::uniform_int_distribution<int> saves(0, kMostSaves);
  std::uniform_int_distribution<long> delay(0, kLongest);
  Progress& progress = shared_progress();
  int last = -1, in_between = 0;
  std::size_t saved = 0;
  for (int trial = 0; trial < kTrials; ++trial) {
    progress.begun = progress.ended = 0;
    const pid_t child = ::fork();
    if (child == 0) write_for_ever(path, trial, progress);
    BOOST_TEST(await_saves(progress, saves(draw)));
    BOOST_TEST(WIFSIGNALED(kill_after(child, delay(draw))));
    in_between += progress.begun != progress.ended;
    if (!std::filesystem::exists(path)) continue;

    const Measurement found = read_measurement(path);
    const int of = std::stoi(found.run_id);
    if (of != trial) {
      BOOST_TEST(progress.ended == 0);
      BOOST_TEST(of == last);
      BOOST_TEST(found.points.size() == saved);
    }
    last = of, saved = found.points.size();
    if (of == trial) {
      BOOST_TEST(saved >= static_cast<std::size_t>(progress.ended));
      BOOST_TEST(saved <= static_cast<std::size_t>(progress.begun));
    }
    BOOST_TEST((describe(found) == as_written(of, saved)));
  }
  BOOST_TEST_MESSAGE(in_between << " of " << kTrials << " kills hit a save");
  BOOST_TEST(in_between > kTrials / 4);

  { const Recorder next(path, Existing::append); }
  BOOST_TEST(folder.names() == std::vector<std::string>{"a.h5"});
}
