// When a point has been measured enough.
#include "app/measure/stopping.hpp"

#include <boost/test/unit_test.hpp>

using namespace scalebench;

namespace {

std::vector<double> noisy(int n, double spread) {
  std::vector<double> v;
  for (int i = 0; i < n; ++i) v.push_back(1.0 + spread * ((i * 7) % 11 - 5) / 5.0);
  return v;
}

}  // namespace

BOOST_AUTO_TEST_CASE(quiet_samples_end_a_point_at_the_least_number_of_iterations) {
  const StoppingRule rule{.min_iterations = 10, .max_iterations = 100, .max_seconds = 60, .target = 0.02};
  BOOST_CHECK_EQUAL(rule.verdict(noisy(9, 0.001), 1), "");
  BOOST_CHECK_EQUAL(rule.verdict(noisy(10, 0.001), 1), "target_ci");
}

BOOST_AUTO_TEST_CASE(noisy_samples_go_on_until_the_most_iterations) {
  const StoppingRule rule{.min_iterations = 10, .max_iterations = 30, .max_seconds = 60, .target = 0.02};
  BOOST_CHECK_EQUAL(rule.verdict(noisy(29, 0.5), 1), "");
  BOOST_CHECK_EQUAL(rule.verdict(noisy(30, 0.5), 1), "max_iterations");
}

BOOST_AUTO_TEST_CASE(the_time_cap_may_end_a_point_before_the_least_iterations_but_not_before_the_first) {
  const StoppingRule rule{.min_iterations = 10, .max_iterations = 30, .max_seconds = 5, .target = 0.02};
  BOOST_CHECK_EQUAL(rule.verdict({}, 6), "");
  BOOST_CHECK_EQUAL(rule.verdict(noisy(2, 0.001), 6), "max_seconds");
}

BOOST_AUTO_TEST_CASE(a_block_lasts_about_a_second_and_stays_within_the_limits) {
  const StoppingRule rule{.min_iterations = 10, .max_iterations = 12, .max_seconds = 60, .target = 0.02};
  BOOST_CHECK_EQUAL(rule.next_block({}, 0, 3.0), 1);
  BOOST_CHECK_EQUAL(rule.next_block({}, 0, 0.25), 4);
  BOOST_CHECK_EQUAL(rule.next_block({}, 0, 1e-6), 10);
  BOOST_CHECK_EQUAL(rule.next_block(noisy(11, 0.5), 0, 1e-6), 1);
  BOOST_CHECK_EQUAL(rule.next_block(noisy(4, 0.5), 59.5, 0.25), 2);
}

BOOST_AUTO_TEST_CASE(warm_up_ends_when_steady_or_late) {
  const WarmupRule rule;
  const std::vector<double> steady(10, 1.0);
  std::vector<double> falling;
  for (int i = 0; i < 19; ++i) falling.push_back(10.0 - 0.4 * i);
  BOOST_CHECK(!rule.over({}, 100));
  BOOST_CHECK(rule.over(steady, 0));
  BOOST_CHECK(!rule.over({steady.begin(), steady.begin() + 9}, 0));
  BOOST_CHECK(!rule.over(falling, 0));
  BOOST_CHECK(rule.over(falling, 10));
  falling.push_back(1);
  BOOST_CHECK(rule.over(falling, 0));
}
