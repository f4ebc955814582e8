#include "app/guard/verdict.hpp"

#include <memory>

#include <boost/test/unit_test.hpp>

using namespace scalebench;

namespace {

using Ranks = std::vector<RankState>;

// A rank that has issued `collectives` gathers, each after one product.
RankState working(int rank, std::uint64_t collectives) {
  RankState state{.rank = rank,
                  .pid = 100 + rank,
                  .point = 1,
                  .host = "n" + std::to_string(rank),
                  .phase = "step",
                  .iteration = 3,
                  .activity = Activity::working,
                  .operations = 2 * collectives,
                  .collectives = collectives,
                  .advances = 5};
  for (std::uint64_t c = 1; c <= collectives; ++c) {
    state.recent.push_back({.number = 2 * c - 1, .collectives = c - 1, .lane = "compute", .name = "gemm"});
    state.recent.push_back({.number = 2 * c, .collectives = c, .lane = "dp_gather", .name = "all_gather"});
  }
  return state;
}

RankState changed(RankState state, auto change) {
  change(state);
  return state;
}

bool holds(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

}  // namespace

BOOST_AUTO_TEST_SUITE(watchdog_verdict)

BOOST_AUTO_TEST_CASE(the_rank_that_has_not_come_to_a_collective_is_named_with_it) {
  const Ranks ranks = {working(0, 42), working(1, 41), working(2, 40)};
  BOOST_CHECK(culprit(ranks) == 2U);
  const std::string text = verdict(ranks, 0, 60, "OUT");
  BOOST_CHECK_MESSAGE(holds(text, "no answer from rank 2 (n2) in all_gather #41 on dp_gather (step of point 1"), text);
  BOOST_CHECK_MESSAGE(holds(text, "60 s without progress") && holds(text, "OUT.flight.2.json"), text);
}

BOOST_AUTO_TEST_CASE(a_stopped_process_is_named_before_a_slow_one) {
  const Ranks ranks = {working(0, 41), changed(working(1, 41), [](auto& r) { r.life = Life::stopped; }),
                       working(2, 40)};
  BOOST_CHECK(culprit(ranks) == 1U);
  BOOST_CHECK(holds(verdict(ranks, 0, 2, "OUT"),
                    "no answer from rank 1 (n1) in all_gather #41 on dp_gather (its "
                    "process is stopped"));
}

BOOST_AUTO_TEST_CASE(a_dead_process_is_named_before_a_stopped_one) {
  const Ranks ranks = {changed(working(0, 41), [](auto& r) { r.life = Life::stopped; }), working(1, 41),
                       changed(working(2, 41), [](auto& r) { r.life = Life::dead; })};
  BOOST_CHECK(culprit(ranks) == 2U);
}

BOOST_AUTO_TEST_CASE(a_process_that_waits_for_a_disk_is_not_named_for_that) {
  const Ranks ranks = {changed(working(0, 42), [](auto& r) { r.life = Life::blocked; }), working(1, 41)};
  BOOST_CHECK(culprit(ranks) == 1U);
}

BOOST_AUTO_TEST_CASE(ranks_that_sit_a_point_out_are_never_named) {
  const Ranks ranks = {working(0, 42), working(1, 41), changed(working(2, 3), [](auto& r) {
                         r.activity = Activity::waiting;
                         r.life = Life::stopped;
                       })};
  BOOST_CHECK(culprit(ranks) == 1U);
}

// The peak of products is measured for a time, in which one rank does more of them than another.
BOOST_AUTO_TEST_CASE(steps_count_before_operations) {
  const Ranks ranks = {changed(working(0, 0), [](auto& r) { r.operations = 10, r.advances = 25; }),
                       changed(working(1, 0), [](auto& r) { r.operations = 90, r.advances = 8; })};
  BOOST_TEST(culprit(ranks).value() == 1U);
}

BOOST_AUTO_TEST_CASE(between_equal_operations_the_phase_that_was_left_last_decides) {
  const Ranks ranks = {working(0, 5), changed(working(1, 5), [](auto& r) { r.advances = 6; })};
  BOOST_CHECK(culprit(ranks) == 0U);
}

BOOST_AUTO_TEST_CASE(where_all_are_at_the_same_place_nobody_is_named) {
  const Ranks ranks = {working(0, 41), working(1, 41)};
  BOOST_CHECK(!culprit(ranks));
  BOOST_CHECK(holds(verdict(ranks, 1, 60, "OUT"), "no progress on any rank of n1 in all_gather #41 on dp_gather"));
}

BOOST_AUTO_TEST_CASE(a_rank_that_works_alone_is_named) {
  const Ranks ranks = {working(0, 41), changed(working(1, 41), [](auto& r) { r.activity = Activity::waiting; })};
  BOOST_CHECK(culprit(ranks) == 0U);
}

BOOST_AUTO_TEST_CASE(a_rank_without_operations_is_in_its_phase) {
  const Ranks ranks = {working(0, 0), changed(working(1, 0), [](auto& r) { r.life = Life::dead; })};
  BOOST_CHECK(holds(verdict(ranks, 0, 5, "OUT"), "no answer from rank 1 (n1) in step (its process is gone"));
  BOOST_CHECK(holds(obituary(ranks, 1), "rank 1 (n1) died in step (its process 101 is gone"));
}

BOOST_AUTO_TEST_CASE(the_state_of_a_process_is_read_behind_its_name) {
  BOOST_CHECK(life_of("7 (scalebench) S 1 7") == Life::alive);
  BOOST_CHECK(life_of("7 (a) T (b) R 1 7") == Life::alive);
  BOOST_CHECK(life_of("7 (scalebench) T 1 7") == Life::stopped);
  BOOST_CHECK(life_of("7 (scalebench) D 1 7") == Life::blocked);
  BOOST_CHECK(life_of("7 (scalebench) Z 1 7") == Life::dead);
  BOOST_CHECK(life_of("") == Life::unknown);
}

BOOST_AUTO_TEST_CASE(a_process_of_another_container_is_never_taken_for_dead) {
  const auto slot = std::make_unique<Slot>();
  slot->pid = 2147483646;  // more than any system gives
  slot->pid_space = 1;
  BOOST_CHECK(life_of(*slot, 1) == Life::dead);
  BOOST_CHECK(life_of(*slot, 2) == Life::unknown);
}

BOOST_AUTO_TEST_CASE(the_last_operations_are_read_oldest_first) {
  const auto slot = std::make_unique<Slot>();
  for (std::uint64_t n = 1; n <= 100; ++n) slot->recent[n % scalebench::kRecentOperations].number = n;
  slot->operations = 100;
  const RankState state = look_at(*slot, 0);
  BOOST_REQUIRE_EQUAL(state.recent.size(), 64U);
  BOOST_CHECK_EQUAL(state.recent.front().number, 37U);
  BOOST_CHECK_EQUAL(state.recent.back().number, 100U);
}

BOOST_AUTO_TEST_SUITE_END()
