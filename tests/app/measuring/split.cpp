// The split of a step: every instant is counted once, by the order of precedence, and the parts add up.
#include "app/measure/split.hpp"

#include <numeric>
#include <random>

#include <boost/test/unit_test.hpp>

using namespace scalebench;

namespace {

double part(const Phases& phases, Phase phase) { return phases[static_cast<std::size_t>(phase)]; }
double total(const Phases& phases) { return std::accumulate(phases.begin(), phases.end(), 0.0); }

Work work(Part p, double start, double end, double last_arrival = kUnknown) {
  return {.part = p,
          .issued = start,
          .launched = start,
          .start = start,
          .end = end,
          .last_arrival = last_arrival,
          .last_of_stage = last_arrival};
}

// Communication with another stage.
Work across(double start, double end, double last_arrival, double last_of_stage) {
  Work w = work(Part::communication, start, end, last_arrival);
  w.last_of_stage = last_of_stage;
  return w;
}

}  // namespace

BOOST_AUTO_TEST_CASE(communication_under_compute_is_not_exposed) {
  const Phases p = split_step({work(Part::compute, 0, 6), work(Part::communication, 4, 9)}, 0, 10);
  BOOST_CHECK_EQUAL(part(p, Phase::compute), 6);
  BOOST_CHECK_EQUAL(part(p, Phase::exposed), 3);
  BOOST_CHECK_EQUAL(part(p, Phase::residue), 1);
}

BOOST_AUTO_TEST_CASE(waiting_for_the_last_rank_is_imbalance_not_communication) {
  const Phases p = split_step({work(Part::compute, 0, 2), work(Part::communication, 2, 9, 7)}, 0, 9);
  BOOST_CHECK_EQUAL(part(p, Phase::imbalance), 5);
  BOOST_CHECK_EQUAL(part(p, Phase::exposed), 2);
}

BOOST_AUTO_TEST_CASE(waiting_for_another_stage_is_bubble_for_ones_own_imbalance) {
  const Phases p = split_step({work(Part::compute, 0, 2), across(2, 9, 7, 3), across(9, 12, 11, 9)}, 0, 12);
  BOOST_CHECK_EQUAL(part(p, Phase::imbalance), 1);
  BOOST_CHECK_EQUAL(part(p, Phase::bubble), 4 + 2);
  BOOST_CHECK_EQUAL(part(p, Phase::exposed), 2 + 1);
}

BOOST_AUTO_TEST_CASE(a_receive_posted_ahead_is_bubble_only_where_nothing_computes) {
  const Phases p = split_step({work(Part::compute, 0, 6), across(1, 9, 8, 1)}, 0, 9);
  BOOST_CHECK_EQUAL(part(p, Phase::compute), 6);
  BOOST_CHECK_EQUAL(part(p, Phase::bubble), 2);
  BOOST_CHECK_EQUAL(part(p, Phase::exposed), 1);
}

BOOST_AUTO_TEST_CASE(the_last_rank_itself_has_no_imbalance) {
  const Phases p = split_step({work(Part::communication, 2, 9, 2)}, 0, 9);
  BOOST_CHECK_EQUAL(part(p, Phase::imbalance), 0);
  BOOST_CHECK_EQUAL(part(p, Phase::exposed), 7);
}

BOOST_AUTO_TEST_CASE(precedence_is_optimizer_input_compute_imbalance_bubble_exposed_host) {
  const Work host{.part = Part::compute, .issued = 0, .launched = 10, .start = 3, .end = 4};
  const Phases p = split_step({host, work(Part::optimizer, 0, 1), work(Part::input, 0, 2), work(Part::compute, 0, 3),
                               work(Part::communication, 0, 8, 6)},
                              0, 10);
  BOOST_CHECK_EQUAL(part(p, Phase::optimizer), 1);
  BOOST_CHECK_EQUAL(part(p, Phase::input), 1);
  BOOST_CHECK_EQUAL(part(p, Phase::compute), 2);
  BOOST_CHECK_EQUAL(part(p, Phase::imbalance), 2);
  BOOST_CHECK_EQUAL(part(p, Phase::exposed), 2);
  BOOST_CHECK_EQUAL(part(p, Phase::host), 2);
  BOOST_CHECK_EQUAL(part(p, Phase::residue), 0);
}

BOOST_AUTO_TEST_CASE(work_outside_of_the_step_is_cut_off) {
  const Phases p = split_step({work(Part::compute, -5, 1), work(Part::communication, 9, 20)}, 0, 10);
  BOOST_CHECK_EQUAL(part(p, Phase::compute), 1);
  BOOST_CHECK_EQUAL(part(p, Phase::exposed), 1);
  BOOST_CHECK_EQUAL(part(p, Phase::residue), 8);
}

BOOST_AUTO_TEST_CASE(interference_is_signed_and_leaves_the_sum_alone) {
  Phases p = split_step({work(Part::compute, 0, 6), work(Part::communication, 4, 9)}, 0, 10);
  charge_interference(p, 7);
  BOOST_CHECK_EQUAL(part(p, Phase::compute), 7);
  BOOST_CHECK_EQUAL(part(p, Phase::interference), -1);
  BOOST_CHECK_EQUAL(total(p), 10);
}

BOOST_AUTO_TEST_CASE(the_parts_of_any_timeline_add_up) {
  std::mt19937 random(3);
  std::uniform_real_distribution<double> time(-1, 11);
  for (int trial = 0; trial < 200; ++trial) {
    std::vector<Work> works;
    for (int i = 0; i < 30; ++i) {
      const double a = time(random), b = time(random);
      works.push_back(work(static_cast<Part>(i % 5), std::min(a, b), std::max(a, b), time(random)));
      works.back().last_of_stage = std::min(works.back().last_arrival, time(random));
    }
    const Phases p = split_step(works, 0, 10);
    BOOST_CHECK_CLOSE(total(p), 10.0, 1e-9);
    for (const double share : p) BOOST_CHECK_GE(share, -1e-9);
  }
}
