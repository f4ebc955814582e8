// The files that a failed run leaves beside its output.
#include <algorithm>
#include <array>
#include <fstream>
#include <future>
#include <iterator>
#include <thread>

#include <boost/test/unit_test.hpp>
#include <execinfo.h>
#include <nlohmann/json.hpp>
#include <unistd.h>

#include "app/guard/first_failure.hpp"
#include "app/guard/flight.hpp"
#include "app/guard/stacks.hpp"

namespace {

namespace fs = std::filesystem;
using namespace scalebench;

struct Folder {
  fs::path path = fs::temp_directory_path() / ("scalebench_reports_" + std::to_string(getpid()));
  Folder() { fs::create_directories(path); }
  ~Folder() { fs::remove_all(path); }
};

nlohmann::json read(const fs::path& path) {
  std::ifstream file(path);
  return nlohmann::json::parse(file);
}

}  // namespace

BOOST_FIXTURE_TEST_SUITE(reports, Folder)

BOOST_AUTO_TEST_CASE(the_first_failure_is_kept_and_the_second_told_so) {
  const fs::path file = failure_path(path / "out");
  const Failure first{
      .rank = 2, .host = "n3", .phase = "step", .message = "a \"quoted\"\nline\\", .error_number = 28, .exit_code = 6};
  BOOST_CHECK(write_first_failure(file.c_str(), first) == Wrote::yes);
  BOOST_CHECK(write_first_failure(file.c_str(), {.rank = 3}) == Wrote::another_was_first);
  const auto json = read(file);
  BOOST_CHECK_EQUAL(json["rank"], 2);
  BOOST_CHECK_EQUAL(json["host"], "n3");
  BOOST_CHECK_EQUAL(json["message"], "a \"quoted\" line\\");
  BOOST_CHECK_EQUAL(json["errno"], 28);
  BOOST_CHECK_EQUAL(json["exit_code"], 6);
}

BOOST_AUTO_TEST_CASE(a_folder_that_is_not_there_is_said_to_be_impossible) {
  BOOST_CHECK(write_first_failure((path / "none" / "out.error.json").c_str(), {}) == Wrote::impossible);
}

BOOST_AUTO_TEST_CASE(whatever_its_length_the_first_failure_is_json) {
  const fs::path file = failure_path(path / "out");
  const std::string quotes(20000, '"');
  std::array<void*, 64> frames{};
  const int count = backtrace(frames.data(), 8);
  for (std::size_t i = 0; i < frames.size(); ++i) frames[i] = frames[i % static_cast<std::size_t>(count)];
  BOOST_CHECK(write_first_failure(file.c_str(), {.host = quotes, .phase = quotes, .message = quotes}, frames.data(),
                                  static_cast<int>(frames.size())) == Wrote::yes);
  BOOST_CHECK_EQUAL(read(file)["message"].get<std::string>(), std::string(1024, '"'));
  BOOST_CHECK(!read(file)["frames"].empty());
}

BOOST_AUTO_TEST_CASE(old_failures_of_the_same_output_alone_are_removed) {
  const fs::path stem = path / "out";
  const std::vector<fs::path> own = {failure_path(stem), flight_path(stem, 0), flight_path(stem, 12)};
  const std::vector<fs::path> others = {failure_path(path / "out2"), flight_path(path / "out2", 0),
                                        path / "out.flight.x.json", path / "out.h5", path / "out.flight..json"};
  for (const auto& list : {own, others})
    for (const fs::path& file : list) std::ofstream(file) << "x";
  remove_old_failures(stem);
  for (const fs::path& file : own) BOOST_CHECK_MESSAGE(!fs::exists(file), file);
  for (const fs::path& file : others) BOOST_CHECK_MESSAGE(fs::exists(file), file);
}

BOOST_AUTO_TEST_CASE(a_flight_file_holds_operations_threads_and_the_node) {
  RankState state{.rank = 4, .host = "n\xff", .phase = "step", .progress = 1'000'000'000, .operations = 1};
  state.recent.push_back({.number = 1, .time = 2'500'000'000, .lane = "compute", .name = "gemm"});
  const fs::path file = flight_path(path / "out", 4);
  BOOST_REQUIRE(write_flight(file, {.mine = 1,
                                    .ranks = {RankState{.rank = 3}, state},
                                    .threads = {{.thread = 7, .name = "main", .frames = {"f+0x1 (a+0x2)"}}},
                                    .message = "no answer",
                                    .now = 4'000'000'000}));
  const auto json = read(file);
  BOOST_CHECK_EQUAL(json["rank"], 4);
  BOOST_CHECK_EQUAL(json["seconds_since_progress"], 3.0);
  BOOST_CHECK_EQUAL(json["recent"][0]["seconds_ago"], 1.5);
  BOOST_CHECK_EQUAL(json["threads"][0]["frames"][0], "f+0x1 (a+0x2)");
  BOOST_CHECK_EQUAL(json["node"].size(), 2U);
}

// Whether others answer in time is seen in test_midrun.py; a sanitizer may hold signals back.
BOOST_AUTO_TEST_CASE(all_threads_are_listed_and_the_own_stack_is_seen) {
  prepare_stacks();
  std::promise<pid_t> begun;
  std::promise<void> done;
  std::thread other([&] {
    begun.set_value(gettid());
    done.get_future().wait();
  });
  const pid_t thread = begun.get_future().get();
  const auto stacks = all_stacks();
  done.set_value();
  other.join();
  BOOST_CHECK(std::ranges::count(stacks, thread, &ThreadStack::thread) == 1);
  const auto own = std::ranges::find(stacks, gettid(), &ThreadStack::thread);
  BOOST_REQUIRE(own != stacks.end());
  BOOST_CHECK_GT(own->frames.size(), 1U);
}

BOOST_AUTO_TEST_SUITE_END()
