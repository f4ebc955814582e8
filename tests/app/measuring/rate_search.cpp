// The search for the highest rate of requests, against machines that serve up to a known one.
#include "app/rate_search.hpp"

#include <cmath>
#include <functional>

#include <boost/test/unit_test.hpp>

using namespace scalebench;

namespace {

// The rates that were tried.
std::vector<double> tried(RateSearch& search, const std::function<TriedRate(double rate)>& machine) {
  std::vector<double> rates;
  while (const auto rate = search.next()) {
    rates.push_back(*rate);
    BOOST_REQUIRE_LE(rates.size(), 50U);
    search.learn(machine(*rate));
  }
  return rates;
}

auto serves_up_to(double most) {
  return [most](double rate) { return TriedRate{.rate = rate, .good_share = rate <= most ? 1 : 0.91}; };
}

}  // namespace

BOOST_AUTO_TEST_CASE(a_rate_is_doubled_until_it_fails_then_the_middle_is_tried) {
  RateSearch search(1, 0.1);
  const auto rates = tried(search, serves_up_to(5.2));
  const std::vector<double> expected = {1, 2, 4, 8, 6, 5, 5.5, 5.25};
  BOOST_CHECK_EQUAL_COLLECTIONS(rates.begin(), rates.end(), expected.begin(), expected.end());
  BOOST_CHECK_EQUAL(search.found(), 5);
  BOOST_CHECK_EQUAL(search.text(), "5 requests/s; 5.25 fails: 91 % good");
}

BOOST_AUTO_TEST_CASE(the_answer_is_within_a_tenth_wherever_it_lies) {
  for (double most = 0.11; most < 60; most *= 1.37) {
    RateSearch search(1, 0.1);
    const auto rates = tried(search, serves_up_to(most));
    BOOST_TEST_CONTEXT("up to " << most) {
      BOOST_CHECK_LE(rates.size(), 10U);
      BOOST_CHECK_LE(search.found(), most);
      BOOST_CHECK_GT(1.1 * search.found(), most);
    }
  }
}

BOOST_AUTO_TEST_CASE(a_first_rate_that_fails_is_halved_down_to_the_least) {
  RateSearch search(1, 0.3);
  const auto rates = tried(search, serves_up_to(0.01));
  const std::vector<double> expected = {1, 0.5, 0.3};
  BOOST_CHECK_EQUAL_COLLECTIONS(rates.begin(), rates.end(), expected.begin(), expected.end());
  BOOST_CHECK(std::isnan(search.found()));
  BOOST_CHECK_EQUAL(
      search.text(),
      "none found; 0.3 fails: 91 % good, and at lower rates the requests come too slowly for --max-seconds");
}

BOOST_AUTO_TEST_CASE(rates_have_three_digits) {
  RateSearch search(1 / 0.29953, 0.012345);
  BOOST_CHECK_CLOSE(*search.next(), 3.34, 1e-9);
  search.learn({.rate = *search.next(), .good_share = 0.5});
  BOOST_CHECK_CLOSE(*search.next(), 1.67, 1e-9);
  search.learn({.rate = *search.next(), .good_share = 1});
  BOOST_CHECK_CLOSE(*search.next(), 2.5, 1e-9);
  RateSearch low(0.02, 0.012345);
  low.learn({.rate = *low.next(), .good_share = 0});
  BOOST_CHECK_CLOSE(*low.next(), 0.0123, 1e-9);
  low.learn({.rate = *low.next(), .good_share = 0});
  BOOST_CHECK(!low.next());
}

BOOST_AUTO_TEST_CASE(no_rate_below_the_least_is_tried_first) {
  BOOST_CHECK_EQUAL(*RateSearch(1, 3).next(), 3);
  BOOST_CHECK_EQUAL(*RateSearch(3, 1).next(), 3);
}

BOOST_AUTO_TEST_CASE(where_nothing_fails_the_highest_of_ten_is_said_to_be_served) {
  RateSearch search(1, 0.1);
  BOOST_CHECK_EQUAL(tried(search, serves_up_to(1e9)).size(), 10U);
  BOOST_CHECK_EQUAL(search.found(), 512);
  BOOST_CHECK_EQUAL(search.text(), "at least 512 requests/s; none failed of the 10 that were tried");
}

BOOST_AUTO_TEST_CASE(where_everything_fails_ten_are_tried) {
  RateSearch search(1, 1e-9);
  BOOST_CHECK_EQUAL(tried(search, serves_up_to(0)).size(), 10U);
  BOOST_CHECK(std::isnan(search.found()));
  BOOST_CHECK_EQUAL(search.text(), "none found in 10 tries; 0.00197 fails: 91 % good");
}

BOOST_AUTO_TEST_CASE(ninety_nine_of_a_hundred_are_enough_unless_time_cut_them_short) {
  RateSearch search(1, 0.1);
  search.learn({.rate = 1, .good_share = 0.99});
  BOOST_CHECK_EQUAL(*search.next(), 2);
  search.learn({.rate = 2, .good_share = 1, .cut = true});
  BOOST_CHECK_EQUAL(*search.next(), 1.5);
  search.learn({.rate = 1.5, .good_share = 0.98999});
  BOOST_CHECK_EQUAL(*search.next(), 1.25);
  BOOST_CHECK_EQUAL(search.found(), 1);
}

BOOST_AUTO_TEST_CASE(what_time_cut_short_is_said) {
  RateSearch search(1, 0.1);
  search.learn({.rate = 1, .good_share = 1});
  search.learn({.rate = 1.05, .good_share = 1, .cut = true});
  BOOST_CHECK(!search.next());
  BOOST_CHECK_EQUAL(search.text(), "1 requests/s; 1.05 fails: --max-seconds cut it short");
}
