// Order statistics, against values worked out by hand.
#include "app/measure/statistics.hpp"

#include <numeric>
#include <random>

#include <boost/test/unit_test.hpp>

using namespace scalebench;

namespace {

std::vector<double> up_to(int n) {
  std::vector<double> v(static_cast<std::size_t>(n));
  std::iota(v.begin(), v.end(), 1.0);
  std::shuffle(v.begin(), v.end(), std::mt19937(1));
  return v;
}

}  // namespace

BOOST_AUTO_TEST_CASE(the_median_of_an_even_number_lies_between_the_middle_two) {
  BOOST_CHECK_EQUAL(median({4, 1, 3, 2}), 2.5);
  BOOST_CHECK_EQUAL(median({3, 1, 2}), 2);
  BOOST_CHECK(std::isnan(median({})));
}

// Ranks of the 95 % interval of a median, from tables of the sign test (n: lower rank).
BOOST_AUTO_TEST_CASE(the_interval_has_the_ranks_of_the_binomial_distribution) {
  const std::vector<std::pair<int, int>> table = {{6, 1},  {8, 1},  {9, 2},  {10, 2},  {12, 3},
                                                  {15, 4}, {20, 6}, {25, 8}, {50, 18}, {100, 40}};
  for (const auto& [n, k] : table) {
    const Summary s = summarise(up_to(n));
    BOOST_TEST_CONTEXT(n) {
      BOOST_CHECK_EQUAL(s.ci_low, k);
      BOOST_CHECK_EQUAL(s.ci_high, n + 1 - k);
    }
  }
}

BOOST_AUTO_TEST_CASE(what_needs_more_samples_than_there_are_is_unknown) {
  BOOST_CHECK(std::isnan(summarise(up_to(5)).ci_low));
  BOOST_CHECK(!std::isnan(summarise(up_to(6)).ci_low));
  BOOST_CHECK(std::isnan(summarise(up_to(19)).p95));
  BOOST_CHECK_CLOSE(summarise(up_to(21)).p95, 20, 1e-9);
  BOOST_CHECK_CLOSE(summarise(up_to(21)).p05, 2, 1e-9);
}

BOOST_AUTO_TEST_CASE(the_interval_covers_the_median_as_often_as_it_says) {
  std::mt19937 random(7);
  std::lognormal_distribution<double> skewed(0, 1);
  int covered = 0;
  constexpr int kTrials = 4000;
  for (int trial = 0; trial < kTrials; ++trial) {
    std::vector<double> v(15);
    for (double& x : v) x = skewed(random);
    const Summary s = summarise(v);
    covered += s.ci_low <= 1 && 1 <= s.ci_high;  // the true median is e^0
  }
  BOOST_CHECK_GE(covered, kTrials * 95 / 100 - 40);
  BOOST_CHECK_LE(covered, kTrials * 98 / 100);
}

BOOST_AUTO_TEST_CASE(a_difference_of_medians_has_an_interval_that_holds_it) {
  std::vector<double> slow, fast;
  for (int i = 0; i < 15; ++i) slow.push_back(3.0 + 0.01 * (i % 5)), fast.push_back(2.0 + 0.01 * (i % 7));
  const Difference d = difference_of_medians(slow, fast);
  BOOST_CHECK_CLOSE(d.value, 0.99, 1e-6);
  BOOST_CHECK_LT(d.ci_low, d.value + 1e-12);
  BOOST_CHECK_GT(d.ci_low, 0.9);
  BOOST_CHECK_GT(d.ci_high, d.value - 1e-12);
  BOOST_CHECK_LT(d.ci_high, 1.1);
  BOOST_CHECK(std::isnan(difference_of_medians({1, 2, 3}, fast).ci_low));
  BOOST_CHECK(std::isnan(difference_of_medians({}, fast).value));
}
