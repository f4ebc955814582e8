// What is written is what is read back.
#include <boost/test/unit_test.hpp>

#include "app/recorder/file.hpp"
#include "app/recorder/recorder.hpp"
#include "tests/app/recorder/samples.hpp"

using namespace scalebench;
using namespace scalebench::test;

namespace {

Measurement written_and_read(const Measurement& run) {
  const Folder folder;
  Recorder(folder / "a.h5", Existing::refuse).save(run);
  return read_measurement(folder / "a.h5");
}

}  // namespace

BOOST_AUTO_TEST_SUITE(recorder_round_trip)

BOOST_AUTO_TEST_CASE(every_field_of_a_training_run_comes_back) {
  const Measurement run = training_run(3);
  BOOST_TEST(describe(written_and_read(run)) == describe(run));
}

BOOST_AUTO_TEST_CASE(every_field_of_a_collective_comes_back) {
  const Measurement run = collective_run();
  BOOST_TEST(describe(written_and_read(run)) == describe(run));
}

BOOST_AUTO_TEST_CASE(every_field_of_decode_comes_back) {
  Measurement run = decode_run();
  BOOST_TEST(describe(written_and_read(run)) == describe(run));
  run.found_rate->rate = kUnknown;
  BOOST_TEST(describe(written_and_read(run)) == describe(run));
  run.found_rate.reset();
  BOOST_TEST(describe(written_and_read(run)) == describe(run));
}

BOOST_AUTO_TEST_CASE(a_run_without_points_and_points_without_iterations_come_back) {
  Measurement run = training_run(0);
  BOOST_TEST(describe(written_and_read(run)) == describe(run));
  run.points = {small_point(1), small_point(2)};
  run.points[0].iterations.clear();
  run.points[1].iterations[3].samples.clear();  // a rank was lost: nothing is known of it
  BOOST_TEST(describe(written_and_read(run)) == describe(run));
}

BOOST_AUTO_TEST_CASE(large_points_come_back_through_compression) {
  Measurement run = training_run(0);
  Point point{.ranks = 3000, .stop_reason = "max_iterations"};
  for (int i = 0; i < 40; ++i) {
    Iteration iteration{.index = i, .kind = i == 30 ? IterationKind::marked : IterationKind::counted};
    for (int rank = 0; rank < point.ranks; ++rank) iteration.samples.push_back(i + 1e-4 * rank);
    if (i == 30) iteration.phases.resize(3000, point.phases), iteration.phases_total = iteration.samples;
    point.iterations.push_back(iteration);
  }
  for (int i = 0; i < 20'000; ++i)
    point.spans.push_back({i % 3000, "compute", "gemm", "compute", 1.0 * i, 2, 3, 4, 5, 6});
  point.phases[0] = 0.5;
  run.points = {point};
  BOOST_TEST((describe(written_and_read(run)) == describe(run)));

  const Folder folder;
  Recorder(folder / "a.h5", Existing::refuse).save(run);
  BOOST_TEST(std::filesystem::file_size(folder / "a.h5") < 3'500'000U);  // 960 kB samples, 17 MB if NaN took space
}

BOOST_AUTO_TEST_CASE(invalid_utf8_is_replaced_everywhere) {
  Measurement run = training_run(1);
  run.environment = {{"PATH\xFF", "b\xE2\x82"}};
  run.points[0].stop_reason = "failed: \xC0";
  run.points[0].spans[0].lane = "\x80";
  const Measurement read = written_and_read(run);
  BOOST_TEST(std::get<std::string>(read.environment.at("PATH\uFFFD")) == "b\uFFFD\uFFFD");
  BOOST_TEST(read.points[0].stop_reason == "failed: \uFFFD");
  BOOST_TEST(read.points[0].spans[0].lane == "\uFFFD");
}

BOOST_AUTO_TEST_CASE(parts_of_a_step_are_unknown_without_a_marked_iteration) {
  Measurement run = training_run(0);
  run.points = {small_point(1)};
  run.points[0].phases.fill(0);
  BOOST_TEST(std::isnan(written_and_read(run).points[0].phases[0]));
}

BOOST_AUTO_TEST_CASE(the_same_measurement_gives_the_same_bytes) {
  const Measurement run = training_run();
  const auto points = addresses(run.points);
  BOOST_TEST((encode(run, points) == encode(run, points)));
}

BOOST_AUTO_TEST_CASE(samples_that_are_not_those_of_all_ranks_are_a_bug) {
  Measurement run = training_run(1);
  run.points[0].iterations[0].samples.pop_back();
  const Folder folder;
  Recorder recorder(folder / "a.h5", Existing::refuse);
  BOOST_CHECK_THROW(recorder.save(run), BrokenContract);
}

BOOST_AUTO_TEST_CASE(the_digest_sees_each_sample_kind_and_count) {
  const Measurement run = training_run();
  const auto of = [](const Measurement& m) { return digest(addresses(m.points)); };
  const auto changed = [&](auto change) {
    Measurement other = run;
    change(other);
    return of(other) != of(run);
  };
  BOOST_TEST(of(training_run()) == of(run));
  BOOST_TEST(changed([](Measurement& m) { m.points[1].iterations[2].samples[3] += 1e-15; }));
  BOOST_TEST(changed([](Measurement& m) { m.points[1].iterations[2].samples[3] = kUnknown; }));
  BOOST_TEST(changed([](Measurement& m) { m.points[0].iterations[2].kind = IterationKind::muted; }));
  BOOST_TEST(changed([](Measurement& m) { m.points[0].iterations[2].index = 7; }));
  BOOST_TEST(changed([](Measurement& m) { m.points[0].iterations.pop_back(); }));
  BOOST_TEST(changed([](Measurement& m) { m.points.pop_back(); }));
}

BOOST_AUTO_TEST_SUITE_END()
