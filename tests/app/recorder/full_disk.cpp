// A disk that is full or broken costs the save, never the result that is there.
#include <algorithm>
#include <cerrno>
#include <span>

#include <boost/test/unit_test.hpp>
#include <signal.h>
#include <sys/resource.h>

#include "app/recorder/file.hpp"
#include "app/recorder/output_lock.hpp"
#include "app/recorder/recorder.hpp"
#include "tests/app/recorder/failing_disk.hpp"
#include "tests/app/recorder/samples.hpp"

using namespace scalebench;
using namespace scalebench::test;

namespace {

// A result of two points; a third is to be saved.
struct Begun {
  Begun() {
    recorder.save(training_run(2));
    before = contents(folder / "a.h5");
  }
  std::string save_while(FailingDisk disk) {
    const Disk failing(disk);
    return refusal([&] { recorder.save(training_run(3)); });
  }
  // The old result is there and nothing beside it; and when the disk is well again, saving works.
  void expect_unharmed() {
    BOOST_TEST((contents(folder / "a.h5") == before));
    BOOST_TEST(folder.names() == (std::vector<std::string>{"a.h5", "a.h5.lock"}));
    recorder.save(training_run(3));
    BOOST_TEST(describe(read_measurement(folder / "a.h5")) == describe(training_run(3)));
  }
  Folder folder{};
  Recorder recorder{folder / "a.h5", Existing::refuse};
  std::string before{};
};

}  // namespace

BOOST_AUTO_TEST_SUITE(recorder_full_disk)

BOOST_AUTO_TEST_CASE(a_disk_full_at_any_byte_leaves_the_old_result) {
  for (const long space : {0L, 1L, 4096L, 100'000L}) {
    Begun begun;
    const std::string message = begun.save_while({.space = space});
    BOOST_TEST(holds(message, "No space left on device"), message);
    BOOST_TEST(holds(message, "a.h5"), message);
    begun.expect_unharmed();
  }
}

BOOST_AUTO_TEST_CASE(an_error_of_the_disk_at_fsync_leaves_the_old_result) {
  Begun begun;
  const std::string message = begun.save_while({.flush_error = EIO});
  BOOST_TEST(holds(message, "Input/output error"), message);
  begun.expect_unharmed();
}

BOOST_AUTO_TEST_CASE(a_quota_that_shows_only_at_close_leaves_the_old_result) {
  Begun begun;
  const std::string message = begun.save_while({.close_error = EDQUOT});
  BOOST_TEST(holds(message, "quota"), message);
  begun.expect_unharmed();
}

BOOST_AUTO_TEST_CASE(a_byte_that_comes_back_wrong_is_found_wherever_it_is) {
  Begun begun;
  for (const long byte : {0L, 50L, 5000L, 60'000L, static_cast<long>(begun.before.size())}) {
    const std::string message = begun.save_while({.flipped = byte});
    BOOST_TEST(holds(message, "what was read back differs"), byte << ": " << message);
  }
  begun.expect_unharmed();
}

BOOST_AUTO_TEST_CASE(a_file_that_says_something_else_when_read_back_is_no_result) {
  const Measurement run = training_run(3);
  const auto image = encode(run, addresses(run.points));
  const std::int64_t warmups[] = {-2, -1, 0, 1};  // the scale `iteration`, as it is stored
  const auto found = std::ranges::search(image, std::as_bytes(std::span(warmups)));
  BOOST_REQUIRE(!found.empty());
  Begun begun;
  const std::string message = begun.save_while({.misread = found.begin() - image.begin()});
  BOOST_TEST(holds(message, "the points read back are not those that were written"), message);
  begun.expect_unharmed();
}

BOOST_AUTO_TEST_CASE(a_folder_where_nothing_can_be_renamed_is_found_before_anything_is_timed) {
  const Folder folder;
  {
    const Disk failing({.rename_error = EPERM});
    BOOST_TEST(holds(refusal([&] { Recorder(folder / "a.h5", Existing::refuse); }), "Operation not permitted"));
  }
  BOOST_TEST(folder.names().empty());
}

BOOST_AUTO_TEST_CASE(a_file_system_without_hard_links_locks_too) {
  const Folder folder;
  const Disk failing({.link_error = EPERM});
  const Recorder first(folder / "a.h5", Existing::refuse);
  BOOST_TEST(contents(folder / "a.h5.lock") == LockHolder::self().text());
  BOOST_TEST(holds(refusal([&] { Recorder(folder / "a.h5", Existing::refuse); }), "in use by another run"));
}

BOOST_AUTO_TEST_CASE(a_folder_that_cannot_be_flushed_is_an_error_though_the_file_is_whole) {
  Begun begun;
  const std::string message = begun.save_while({.flush_error = EIO, .skip = 1});
  BOOST_TEST(holds(message, "Input/output error"), message);
  BOOST_TEST(describe(read_measurement(begun.folder / "a.h5")) == describe(training_run(3)));
}

BOOST_AUTO_TEST_CASE(a_file_system_that_cannot_flush_folders_will_do) {
  Begun begun;
  BOOST_TEST(begun.save_while({.flush_error = EINVAL, .skip = 1}) == "");
}

BOOST_AUTO_TEST_CASE(a_limit_on_the_size_of_files_leaves_the_old_result) {
  Begun begun;
  rlimit limit{};
  BOOST_REQUIRE(::getrlimit(RLIMIT_FSIZE, &limit) == 0);
  const rlimit small{16'384, limit.rlim_max};
  const auto handler = ::signal(SIGXFSZ, SIG_IGN);
  ::setrlimit(RLIMIT_FSIZE, &small);
  const std::string message = refusal([&] { begun.recorder.save(training_run(3)); });
  ::setrlimit(RLIMIT_FSIZE, &limit);
  ::signal(SIGXFSZ, handler);
  BOOST_TEST(holds(message, "File too large"), message);
  begun.expect_unharmed();
}

BOOST_AUTO_TEST_CASE(a_disk_full_from_the_start_is_found_before_anything_is_timed) {
  const Folder folder;
  {
    const Disk full({.space = 0});
    BOOST_TEST(holds(refusal([&] { Recorder(folder / "a.h5", Existing::refuse); }), "No space left"));
  }
  BOOST_TEST(folder.names().empty());
}

BOOST_AUTO_TEST_SUITE_END()
