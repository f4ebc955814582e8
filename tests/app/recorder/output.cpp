// Output that cannot be, or that holds something already, is refused before anything is timed; nothing is touched.
#include <boost/test/unit_test.hpp>
#include <fmt/format.h>
#include <sys/stat.h>

#include "app/recorder/file.hpp"
#include "app/recorder/hdf5.hpp"
#include "app/recorder/recorder.hpp"
#include "tests/app/recorder/samples.hpp"

using namespace scalebench;
using namespace scalebench::test;

namespace {

std::string refused(const std::filesystem::path& path, Existing existing = Existing::refuse) {
  return refusal([&] { Recorder(path, existing); });
}

}  // namespace

BOOST_AUTO_TEST_SUITE(recorder_output)

BOOST_AUTO_TEST_CASE(a_missing_folder_is_refused_and_not_made) {
  const Folder folder;
  const std::string message = refused(folder / "absent/a.h5");
  BOOST_TEST(holds(message, "absent does not exist"), message);
  BOOST_TEST(folder.names().empty());
}

BOOST_AUTO_TEST_CASE(a_file_in_the_place_of_the_folder_is_refused) {
  const Folder folder;
  put(folder / "file", "x");
  BOOST_TEST(holds(refused(folder / "file/a.h5"), "file"));
  BOOST_TEST(contents(folder / "file") == "x");
}

BOOST_AUTO_TEST_CASE(a_folder_in_the_place_of_the_file_is_refused) {
  const Folder folder;
  for (const Existing existing : {Existing::refuse, Existing::replace, Existing::append}) {
    BOOST_TEST(holds(refused(folder.path(), existing), "is a folder"));
    BOOST_TEST(holds(refused(folder.path() / "", existing), "is a folder"));
  }
}

BOOST_AUTO_TEST_CASE(a_folder_that_takes_no_files_is_refused_with_the_reason) {
  const std::string message = refused("/proc/self/a.h5");  // root may write wherever permissions alone forbid it
  BOOST_TEST(holds(message, "/a.h5"), message);
  BOOST_TEST((holds(message, "No such file") || holds(message, "denied") || holds(message, "not permitted")), message);
}

BOOST_AUTO_TEST_CASE(a_name_too_long_for_its_temporary_is_refused) {
  const Folder folder;
  BOOST_TEST(holds(refused(folder / fmt::format("{:a>248}", ".h5")), "File name too long"));
  BOOST_TEST(folder.names().empty());
}

BOOST_AUTO_TEST_CASE(a_device_is_never_replaced) {
  for (const Existing existing : {Existing::refuse, Existing::replace, Existing::append})
    BOOST_TEST(holds(refused("/dev/null", existing), "no regular file"));
  struct stat status {};
  BOOST_REQUIRE(::stat("/dev/null", &status) == 0);
  BOOST_TEST(S_ISCHR(status.st_mode));
}

BOOST_AUTO_TEST_CASE(an_existing_file_is_refused_with_both_flags_and_untouched) {
  const Folder folder;
  put(folder / "a.h5", "something dear");
  const std::string message = refused(folder / "a.h5");
  BOOST_TEST(holds(message, "--append"));
  BOOST_TEST(holds(message, "--force"));
  BOOST_TEST(contents(folder / "a.h5") == "something dear");
  BOOST_TEST(folder.names() == std::vector<std::string>{"a.h5"});
}

BOOST_AUTO_TEST_CASE(force_keeps_the_old_file_until_the_first_save) {
  const Folder folder;
  Recorder(folder / "a.h5", Existing::refuse).save(Measurement{.workload = "all_reduce", .run_id = "old"});
  const std::string old = contents(folder / "a.h5");
  Recorder recorder(folder / "a.h5", Existing::replace);
  BOOST_TEST(contents(folder / "a.h5") == old);
  recorder.save(training_run());
  BOOST_TEST(describe(read_measurement(folder / "a.h5")) == describe(training_run()));
}

BOOST_AUTO_TEST_CASE(append_refuses_what_is_no_whole_result_of_this_schema) {
  const Folder folder;
  Recorder(folder / "good.h5", Existing::refuse).save(training_run());
  const std::string good = contents(folder / "good.h5");
  const auto at = good.find(std::string("1.0\0", 4));
  BOOST_REQUIRE(at != std::string::npos);
  const auto versioned = [&](const std::string& version) { return std::string(good).replace(at, 3, version); };
  const std::vector<std::pair<std::string, std::string>> cases = {{"not HDF5", "signature"},
                                                                  {"", "signature"},
                                                                  {good.substr(0, good.size() / 2), "truncated"},
                                                                  {versioned("2.0"), "schema version is 2.0"},
                                                                  {versioned("1.1"), "schema version is 1.1"},
                                                                  {versioned("abc"), "abc"}};
  for (const auto& [bytes, why] : cases) {
    put(folder / "a.h5", bytes);
    const std::string message = refused(folder / "a.h5", Existing::append);
    BOOST_TEST(holds(message, why), why << " is not in: " << message);
    BOOST_TEST((contents(folder / "a.h5") == bytes));
  }
  put(folder / "a.h5", versioned("1.0"));
  BOOST_TEST(refused(folder / "a.h5", Existing::append) == "");
}

BOOST_AUTO_TEST_CASE(only_the_result_is_left_in_the_folder) {
  const Folder folder;
  {
    Recorder recorder(folder / "a.h5", Existing::refuse);
    BOOST_TEST(folder.names() == std::vector<std::string>{"a.h5.lock"});
    recorder.save(training_run(1));
    recorder.save(training_run(2));
  }
  BOOST_TEST(folder.names() == std::vector<std::string>{"a.h5"});
  BOOST_TEST(read_measurement(folder / "a.h5").points.size() == 2U);
}

BOOST_AUTO_TEST_CASE(temporaries_of_dead_runs_are_removed_and_nothing_else) {
  const Folder folder;
  put(folder / ".a.h5.0123456789abcdef.tmp", "half");
  const std::vector<std::string> others = {".a.h5.0123456789abcdeX.tmp", ".a.h5.tmp", ".b.h5.0123456789abcdef.tmp",
                                           "a.h5.tmp"};
  for (const std::string& name : others) put(folder / name, "another's");
  { const Recorder recorder(folder / "a.h5", Existing::refuse); }
  BOOST_TEST(folder.names() == others);
}

BOOST_AUTO_TEST_CASE(the_umask_decides_who_may_read) {
  for (const auto& [mask, mode] : {std::pair{0U, 0644U}, {027U, 0640U}, {077U, 0600U}}) {
    const Folder folder;
    const mode_t before = ::umask(mask);
    Recorder(folder / "a.h5", Existing::refuse).save(training_run());
    ::umask(before);
    struct stat status {};
    BOOST_REQUIRE(::stat((folder / "a.h5").c_str(), &status) == 0);
    BOOST_TEST((status.st_mode & 0777) == mode);
  }
}

BOOST_AUTO_TEST_CASE(a_link_keeps_pointing_and_its_target_is_replaced) {
  const Folder folder;
  Recorder(folder / "target.h5", Existing::refuse).save(Measurement{.workload = "all_reduce", .run_id = "old"});
  std::filesystem::create_symlink("target.h5", folder / "a.h5");
  Recorder(folder / "a.h5", Existing::replace).save(training_run());
  BOOST_TEST(std::filesystem::is_symlink(folder / "a.h5"));
  BOOST_TEST(read_measurement(folder / "target.h5").points.size() == 2U);
}

BOOST_AUTO_TEST_CASE(spaces_and_utf8_in_the_path_are_kept) {
  const Folder folder;
  const auto path = folder / "a \u00e4\u20ac'\"$x.h5";
  Recorder recorder(path, Existing::refuse);
  recorder.save(training_run());
  BOOST_TEST(recorder.path() == path);
  BOOST_TEST(read_measurement(path).points.size() == 2U);
}

BOOST_AUTO_TEST_SUITE_END()
