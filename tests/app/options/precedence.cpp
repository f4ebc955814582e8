#include <filesystem>
#include <fstream>

#include <unistd.h>

#include "tests/app/options/command_line.hpp"

namespace scalebench {

namespace {

// A file of settings, gone with the object.
class Settings {
 public:
  explicit Settings(const std::string& text)
      : path_((std::filesystem::temp_directory_path() / ("scalebench-test-" + std::to_string(::getpid()) + ".conf"))
                  .string()) {
    std::ofstream(path_, std::ios::binary) << text;
  }
  ~Settings() { std::filesystem::remove(path_); }
  Settings(const Settings&) = delete;
  Settings& operator=(const Settings&) = delete;
  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

void expect_settings_refused(const std::string& text, const std::string& part) {
  const Settings settings(text);
  expect_refused("--workload w --config " + settings.path(), part);
  if (part.starts_with(":")) expect_refused("--workload w --config " + settings.path(), settings.path() + part);
}

}  // namespace

BOOST_AUTO_TEST_SUITE(precedence)

BOOST_AUTO_TEST_CASE(the_command_line_holds_over_the_environment_and_that_over_the_file) {
  const Settings settings("# a comment\nseed = 1\nmax_seconds=2\nmax-iterations = 20  # behind it\n\ndry_run = yes\n");
  const Variable seconds("SCALEBENCH_MAX_SECONDS", "3"), seed("SCALEBENCH_SEED", "4");
  const Options o = parsed("--workload w --seed 5 --config " + settings.path());
  BOOST_TEST(o.seed == 5u);
  BOOST_TEST(o.max_seconds == 3.0);
  BOOST_TEST(o.max_iterations == 20);
  BOOST_TEST(o.dry_run);
}

BOOST_AUTO_TEST_CASE(a_workload_may_come_from_any_source) {
  const Settings settings("workload = fsdp70b\n");
  BOOST_TEST(parsed("--config " + settings.path()).workload == "fsdp70b");
  const Variable path("SCALEBENCH_CONFIG", settings.path().c_str());
  BOOST_TEST(parsed("").workload == "fsdp70b");
  const Variable workload("SCALEBENCH_WORKLOAD", "ddp8b");
  BOOST_TEST(parsed("").workload == "ddp8b");
}

BOOST_AUTO_TEST_CASE(a_switch_may_be_turned_off_by_a_later_source) {
  const Settings settings("no_overlap = yes\n");
  const Variable overlap("SCALEBENCH_NO_OVERLAP", "no");
  BOOST_TEST(!parsed("--workload w --config " + settings.path()).no_overlap);
}

BOOST_AUTO_TEST_CASE(what_decode_is_asked_for_may_come_from_any_source) {
  const Settings settings("batch = 1,2,4\noutput_tokens = 7\nignore_eos = yes\ngoodput = ttft:1s\n");
  const Variable tokens("SCALEBENCH_OUTPUT_TOKENS", "uniform:1:8"), eos("SCALEBENCH_IGNORE_EOS", "no");
  const Options o = parsed("--workload w --batch 3 --config " + settings.path());
  BOOST_TEST((o.batch == std::vector{3} && o.output_tokens->text() == "uniform:1:8"));
  BOOST_TEST((!o.ignore_eos.value() && o.goodput.size() == 1));
}

BOOST_AUTO_TEST_CASE(a_contradiction_names_where_each_side_stands) {
  const Settings settings("trace = a.csv\n");
  const Variable requests("SCALEBENCH_REQUESTS", "3");
  expect_refused("--workload w --config " + settings.path(), ":1: trace and SCALEBENCH_REQUESTS contradict");
}

BOOST_AUTO_TEST_CASE(variables_that_are_none_of_the_options_are_refused) {
  const auto expect = [](const char* name, const char* value, const std::string& part) {
    const Variable variable(name, value);
    expect_refused("--workload w", part);
  };
  expect("SCALEBENCH_MAX_SECOND", "3", "did you mean SCALEBENCH_MAX_SECONDS?");
  expect("SCALEBENCH_max_seconds", "3", "did you mean SCALEBENCH_MAX_SECONDS?");
  expect("SCALEBENCH_B", "3", "unknown option SCALEBENCH_B in the environment");
  expect("SCALEBENCH_SEED", "", "SCALEBENCH_SEED is ''");
  expect("SCALEBENCH_SEED", "x", "SCALEBENCH_SEED is 'x'");
  expect("SCALEBENCH_DRY_RUN", "maybe", "SCALEBENCH_DRY_RUN is 'maybe'");
  expect("SCALEBENCH_RESUME", "x", "SCALEBENCH_RESUME is not in this version");
  expect("SCALEBENCH_CONFIG", "/nowhere/run.conf", "'/nowhere/run.conf' is not there");
  const Variable other("SCALEBENCHMARK", "x");
  BOOST_CHECK_NO_THROW(parsed("--workload w"));
}

BOOST_AUTO_TEST_CASE(mistakes_in_a_file_are_named_with_their_line) {
  expect_settings_refused("seed = 1\nsed = 2\n", ":2: sed");
  expect_settings_refused("seed = 1\nsed = 2\n", "did you mean seed");
  expect_settings_refused("max_second = 1\n", "did you mean max_seconds?");
  expect_settings_refused("\n\nseed = x\n", ":3: seed is 'x'");
  expect_settings_refused("seed\n", ":1: 'seed' is no setting");
  expect_settings_refused("[run]\nseed = 1\n", ":1: '[run]' begins a section");
  expect_settings_refused("seed = 1\nseed = 2\n", ":2: seed is given twice");
  expect_settings_refused("config = other.conf\n", ":1: config is in a file of settings");
  expect_settings_refused("resume = yes\n", ":1: resume is not in this version");
  expect_settings_refused("dry_run =\n", ":1: dry_run is ''");
  expect_settings_refused(std::string("seed\0= 1\n", 9), "is a binary file");
  expect_refused("--workload w --config /nowhere/run.conf", "--config '/nowhere/run.conf' is not there");
  expect_refused("--workload w --config /tmp", "is a folder");
}

BOOST_AUTO_TEST_CASE(a_mistake_counts_even_where_a_later_source_holds) {
  const Settings settings("seed = x\n");
  expect_refused("--workload w --seed 3 --config " + settings.path(), "seed is 'x'");
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace scalebench
