// --append adds points of the same kind, and names the first thing that differs.
#include <boost/test/unit_test.hpp>

#include "app/recorder/file.hpp"
#include "app/recorder/join.hpp"
#include "app/recorder/recorder.hpp"
#include "tests/app/recorder/samples.hpp"

using namespace scalebench;
using namespace scalebench::test;

namespace {

// A run of the same model and plan on 8 ranks.
Measurement later_run() {
  Measurement run = training_run(3);
  run.points.erase(run.points.begin(), run.points.begin() + 2);
  run.baseline_ranks = 8;
  run.plan["dp"] = std::int64_t{8};
  run.plan["global_batch"] = std::int64_t{8};
  run.run_id = "later";
  return run;
}

template <class Change>
std::string difference_after(Change change) {
  Measurement run = later_run();
  change(run);
  return first_difference(training_run(), run);
}

}  // namespace

BOOST_AUTO_TEST_SUITE(recorder_append)

BOOST_AUTO_TEST_CASE(old_points_come_first_unchanged_and_each_save_holds_all) {
  const Folder folder;
  Recorder(folder / "a.h5", Existing::refuse).save(training_run());
  Measurement later = later_run();
  Recorder recorder(folder / "a.h5", Existing::append);
  for (std::size_t added = 1; added <= 2; ++added) {
    recorder.save(later);
    Measurement all = read_measurement(folder / "a.h5");
    BOOST_TEST(all.points.size() == 2 + added);
    BOOST_TEST(all.run_id == "later");
    all.points.resize(2);
    Measurement first = training_run();
    first.run_id = all.run_id, first.command = all.command, first.plan = all.plan;
    BOOST_TEST(describe(all) == describe(first));
    later.points.push_back(later.points.front());
  }
}

BOOST_AUTO_TEST_CASE(append_to_nothing_begins_a_file) {
  const Folder folder;
  Recorder(folder / "a.h5", Existing::append).save(training_run());
  BOOST_TEST(describe(read_measurement(folder / "a.h5")) == describe(training_run()));
}

BOOST_AUTO_TEST_CASE(a_different_run_is_refused_before_and_at_the_save_and_the_file_is_untouched) {
  const Folder folder;
  Recorder(folder / "a.h5", Existing::refuse).save(training_run());
  const std::string before = contents(folder / "a.h5");
  Measurement other = later_run();
  other.plan["micro_batch"] = std::int64_t{2};
  Recorder recorder(folder / "a.h5", Existing::append);
  BOOST_TEST(holds(refusal([&] { recorder.expect(other); }), "--micro-batch"));
  BOOST_TEST(holds(refusal([&] { recorder.save(other); }), "plan/micro_batch is 1 in the file and 2 now"));
  BOOST_TEST((contents(folder / "a.h5") == before));
}

BOOST_AUTO_TEST_CASE(what_follows_from_the_number_of_ranks_may_differ) {
  BOOST_TEST(first_difference(training_run(), later_run()) == "");
}

BOOST_AUTO_TEST_CASE(of_decode_what_points_have_columns_for_may_differ_too) {
  Measurement other = decode_run();
  for (const char* name : {"tp", "dp", "batch", "concurrency", "requests"}) other.plan[name] = std::int64_t{99};
  other.plan["request_rate"] = 99.0;
  BOOST_TEST(first_difference(decode_run(), other) == "");
  Measurement training = later_run();
  training.plan["tp"] = std::int64_t{2};
  BOOST_TEST(holds(first_difference(training_run(), training), "--tp"));
}

BOOST_AUTO_TEST_CASE(of_decode_all_else_is_named_with_its_flag) {
  const auto after = [](const char* name, const Attribute& value) {
    Measurement other = decode_run();
    other.plan[name] = value;
    return first_difference(decode_run(), other);
  };
  BOOST_TEST(holds(after("arrivals", "closed"), "the same of --concurrency, --request-rate and --trace"));
  BOOST_TEST(holds(after("kv_bytes", std::int64_t{1}), "give the same --kv-memory"));
  BOOST_TEST(holds(after("goodput", "ttft:0.3"), "give the same --goodput"));
  BOOST_TEST(holds(after("temperature", 0.5), "give the same --temperature"));
}

BOOST_AUTO_TEST_CASE(what_a_search_found_stays_until_another_one_ends) {
  Measurement added = decode_run();
  added.found_rate.reset();
  BOOST_TEST(joined(decode_run(), added).found_rate->rate == 2.5);
  added.found_rate = FoundRate{.rate = 3};
  BOOST_TEST(joined(decode_run(), added).found_rate->rate == 3.0);
}

BOOST_AUTO_TEST_CASE(the_first_difference_is_named_with_its_flag) {
  using M = Measurement;
  BOOST_TEST(holds(difference_after([](M& m) { m.workload = "ddp8b"; }), "--workload fsdp70b"));
  BOOST_TEST(holds(difference_after([](M& m) { m.kind = "measured"; }), "kind is predicted"));
  BOOST_TEST(holds(difference_after([](M& m) { m.model["layers"] = std::int64_t{8}; }),
                   "model/layers is 4 in the file and 8"));
  BOOST_TEST(holds(difference_after([](M& m) { m.model.erase("rung"); }),
                   "model/rung is \"L4-H1024\" in the file and absent"));
  BOOST_TEST(holds(difference_after([](M& m) { m.environment["device"] = "cuda"; }), "--device"));
  BOOST_TEST(holds(difference_after([](M& m) { m.shrunk = ""; }), "--shrink"));
  BOOST_TEST(holds(difference_after([](M& m) { m.plan["prefetch"] = std::int64_t{2}; }), "--prefetch"));
  BOOST_TEST(holds(difference_after([](M& m) { m.plan["seq"] = std::int64_t{2}; }), "--seq"));
  BOOST_TEST(holds(difference_after([](M& m) { m.plan["overlap"] = std::int64_t{0}; }), "--no-overlap"));
  BOOST_TEST(holds(difference_after([](M& m) { m.scaling = "strong"; }), "--scaling"));
  BOOST_TEST(holds(difference_after([](M& m) { m.points[0].threads = 1; }), "--threads 3"));
}

BOOST_AUTO_TEST_CASE(speedup_and_efficiency_are_those_over_the_first_baseline) {
  Measurement found = training_run(1), later = later_run();  // 2 and 8 ranks
  found.points[0].step_time.median = 6;
  later.points[0].step_time.median = 2;
  found.scaling = later.scaling = "strong";
  const Measurement strong = joined(found, later);
  BOOST_TEST(strong.baseline_ranks == 2);
  BOOST_TEST(strong.points[0].speedup == 3.0);
  BOOST_TEST(strong.points[0].efficiency == 0.75);

  found.scaling = later.scaling = "weak";
  later.points[0].step_time.median = 8;
  const Measurement weak = joined(found, later);
  BOOST_TEST(weak.points[0].efficiency == 0.75);
  BOOST_TEST(weak.points[0].speedup == 3.0);
}

BOOST_AUTO_TEST_CASE(without_a_baseline_point_they_are_unknown) {
  Measurement found = training_run(1);
  found.points[0].ranks = 4;
  const Measurement all = joined(found, later_run());
  BOOST_TEST(std::isnan(all.points[0].efficiency));
  BOOST_TEST(std::isnan(all.points[0].speedup));
}

BOOST_AUTO_TEST_SUITE_END()
