// summary/ has the columns of interface.md that make sense for the workload.
#include <set>

#include <boost/test/unit_test.hpp>

#include "app/recorder/hdf5.hpp"
#include "app/recorder/recorder.hpp"
#include "tests/app/recorder/samples.hpp"

using namespace scalebench;
using namespace scalebench::test;

namespace {

const std::vector<std::string> kCommon = {"point",
                                          "ranks",
                                          "nodes",
                                          "threads",
                                          "samples",
                                          "step_time",
                                          "step_time_mean",
                                          "step_time_min",
                                          "step_time_max",
                                          "step_time_p05",
                                          "step_time_p95",
                                          "step_time_ci_low",
                                          "step_time_ci_high",
                                          "memory_peak",
                                          "memory_estimate",
                                          "oversubscribed",
                                          "stop_reason"};
const std::vector<std::string> kTraining = {"marked_time",
                                            "muted_time",
                                            "compute",
                                            "interference",
                                            "exposed",
                                            "imbalance",
                                            "bubble",
                                            "optimizer",
                                            "input",
                                            "host",
                                            "residue",
                                            "tokens_per_second",
                                            "flops_per_token_megatron",
                                            "flops_per_token_non_causal",
                                            "flops_per_token_6n",
                                            "mfu",
                                            "hfu",
                                            "peak_measured",
                                            "peak_of_products",
                                            "share_in_products",
                                            "mfu_datasheet",
                                            "peak_datasheet",
                                            "speedup",
                                            "efficiency"};
const std::vector<std::string> kGpu = {"energy_per_step", "throttled"};
const std::vector<std::string> kCollective = {"bytes", "in_place", "time", "algbw", "busbw", "wrong"};

struct Saved {
  explicit Saved(const Measurement& run) { Recorder(folder / "a.h5", Existing::refuse).save(run); }
  hdf5::Group root() const { return hdf5::File::open(folder / "a.h5").root(); }
  Folder folder{};
};

void expect(const hdf5::Group& group, const std::vector<std::string>& names, bool there) {
  for (const std::string& name : names)
    BOOST_TEST(group.has(name) == there, name << (there ? " is absent" : " should not be there"));
}

}  // namespace

BOOST_AUTO_TEST_SUITE(recorder_columns)

BOOST_AUTO_TEST_CASE(training_has_the_common_columns_and_its_own) {
  const Saved saved(training_run());
  const auto summary = saved.root().group("summary");
  expect(summary, kCommon, true);
  expect(summary, kTraining, true);
  expect(summary, kGpu, true);
  expect(summary, kCollective, false);
}

BOOST_AUTO_TEST_CASE(collectives_have_the_common_columns_and_their_own) {
  const Saved saved(collective_run());
  const auto summary = saved.root().group("summary");
  expect(summary, kCommon, true);
  expect(summary, kCollective, true);
  expect(summary, kTraining, false);
  expect(summary, kGpu, false);
  expect(saved.root().group("points").group("000"),
         {"gpu", "throttled", "loss", "gradient_norm", "phases", "phases_total", "phase", "spans", "span",
          "memory_peak", "memory_allocated", "host_memory"},
         false);
}

BOOST_AUTO_TEST_CASE(the_memory_peak_of_a_point_is_the_largest_that_is_known) {
  Measurement run = training_run(2);
  run.points[0].memory_peak = {3, kUnknown};
  run.points[1].memory_peak = {};
  const Saved saved(run);
  const auto peaks = saved.root().group("summary").dataset("memory_peak").reals();
  BOOST_TEST(peaks.at(0) == 3);
  BOOST_TEST(std::isnan(peaks.at(1)));
}

BOOST_AUTO_TEST_CASE(phases_of_unmarked_iterations_are_nan) {
  const Saved saved(training_run());
  const auto point = saved.root().group("points").group("001");
  const auto phases = point.dataset("phases");
  BOOST_TEST((phases.dimensions() == std::vector<std::size_t>{6, 4, kPhases}));
  for (const double value : phases.row(2)) BOOST_TEST(std::isnan(value));
  BOOST_TEST(phases.row(4).at(0) == 0);
  BOOST_TEST(phases.row(4).at(kPhases + 1) == 1.01);
  BOOST_TEST(std::isnan(point.dataset("phases_total").row(5).at(0)));
  BOOST_TEST((point.dataset("phase").texts() == std::vector<std::string>(kPhaseNames.begin(), kPhaseNames.end())));
}

BOOST_AUTO_TEST_CASE(the_root_says_what_the_file_is) {
  const Saved saved(training_run());
  const Attributes root = saved.root().attributes();
  std::set<std::string> names;
  for (const auto& [name, value] : root) names.insert(name);
  BOOST_TEST(
      (names == std::set<std::string>{"schema", "schema_version", "kind", "complete", "status", "run_id", "created",
                                      "workload", "shrunk", "command", "scaling", "placement", "baseline_ranks"}));
  BOOST_TEST(std::get<std::string>(root.at("schema")) == "scalebench");
  BOOST_TEST(std::get<std::string>(root.at("schema_version")) == "1.0");
  BOOST_TEST(std::get<std::string>(root.at("placement")) == "packed");
  BOOST_TEST(std::get<std::int64_t>(root.at("complete")) == 1);
}

BOOST_AUTO_TEST_CASE(the_rung_of_a_file_is_found) {
  const Saved saved(training_run());
  BOOST_TEST(stored_rung(saved.folder / "a.h5") == "L4-H1024");
}

BOOST_AUTO_TEST_CASE(a_file_without_a_rung_is_bad_input) {
  const Saved saved(collective_run());
  put(saved.folder / "text.h5", "not HDF5");
  for (const char* name : {"a.h5", "text.h5", "absent.h5"})
    BOOST_CHECK_EXCEPTION(stored_rung(saved.folder / name), Error, [&](const Error& error) {
      return error.code() == Exit::bad_input && holds(error.what(), name);
    });
}

BOOST_AUTO_TEST_SUITE_END()
