#include "spec/serving.hpp"

#include <algorithm>
#include <cmath>

#include <boost/test/unit_test.hpp>

namespace scalebench {

namespace {

constexpr std::int64_t kDraws = 20'000;

TokenCount law(const char* text) { return parse_token_count(text).value(); }

std::vector<std::int64_t> drawn(const TokenCount& count, std::uint64_t seed = 7, std::uint64_t stream = 1) {
  std::vector<std::int64_t> values;
  for (std::int64_t request = 0; request < kDraws; ++request) values.push_back(count.draw(seed, stream, request));
  return values;
}

double mean_of(const std::vector<std::int64_t>& values) {
  double sum = 0;
  for (const std::int64_t value : values) sum += static_cast<double>(value);
  return sum / static_cast<double>(values.size());
}

double deviation_of(const std::vector<std::int64_t>& values) {
  const double mean = mean_of(values);
  double sum = 0;
  for (const std::int64_t value : values) sum += std::pow(static_cast<double>(value) - mean, 2);
  return std::sqrt(sum / static_cast<double>(values.size()));
}

}  // namespace

BOOST_AUTO_TEST_SUITE(serving)

BOOST_AUTO_TEST_CASE(a_number_is_drawn_as_it_stands) {
  BOOST_TEST(law("128").most() == 128);
  for (const std::int64_t value : drawn(law("128"))) BOOST_TEST_REQUIRE(value == 128);
}

BOOST_AUTO_TEST_CASE(both_ends_of_a_uniform_law_are_drawn_as_often_as_what_is_between) {
  std::vector<int> times(5);
  for (const std::int64_t value : drawn(law("uniform:3:7"))) {
    BOOST_TEST_REQUIRE((value >= 3 && value <= 7));
    ++times[static_cast<std::size_t>(value - 3)];
  }
  for (const int n : times) BOOST_TEST(std::abs(n - kDraws / 5) < 300);  // 5 standard deviations
  BOOST_TEST(law("uniform:3:7").most() == 7);
  BOOST_TEST(law("uniform:9:9").draw(1, 2, 3) == 9);
}

BOOST_AUTO_TEST_CASE(a_normal_law_has_its_mean_and_deviation) {
  const auto values = drawn(law("normal:128:16"));
  BOOST_TEST(std::abs(mean_of(values) - 128) < 0.6);
  BOOST_TEST(std::abs(std::sqrt(std::pow(deviation_of(values), 2) - 1 / 12.0) - 16) < 0.4);  // rounding adds 1/12
}

BOOST_AUTO_TEST_CASE(a_lognormal_law_has_its_median_and_sigma) {
  auto values = drawn(law("lognormal:1000:0.25"));
  std::sort(values.begin(), values.end());
  const auto quantile = [&](double p) { return static_cast<double>(values[static_cast<std::size_t>(p * kDraws)]); };
  BOOST_TEST(std::abs(std::log(quantile(0.5) / 1000)) < 0.012);
  BOOST_TEST(std::abs(std::log(quantile(0.8413)) - std::log(quantile(0.1587)) - 0.5) < 0.02);
  BOOST_TEST(std::abs(mean_of(drawn(law("lognormal:10:0.25"))) - 10 * std::exp(0.25 * 0.25 / 2)) < 0.09);
}

BOOST_AUTO_TEST_CASE(open_ends_are_cut_at_one_and_four_times_the_middle) {
  for (const char* text : {"normal:10:1000", "lognormal:10:5"}) {
    const auto values = drawn(law(text));
    BOOST_TEST(law(text).most() == 40);
    BOOST_TEST(*std::min_element(values.begin(), values.end()) == 1, text);
    BOOST_TEST(*std::max_element(values.begin(), values.end()) == 40, text);
  }
}

BOOST_AUTO_TEST_CASE(a_request_has_its_draw_in_any_order_and_another_in_another_stream) {
  for (const char* text : {"uniform:1:1000000", "normal:100000:10000", "lognormal:100000:1"}) {
    const TokenCount count = law(text);
    const auto values = drawn(count);
    for (std::int64_t request = 999; request >= 0; request -= 37)
      BOOST_TEST(count.draw(7, 1, request) == values[static_cast<std::size_t>(request)]);
    const auto same = [&](const std::vector<std::int64_t>& others) {
      int n = 0;
      for (std::size_t i = 0; i < others.size(); ++i) n += others[i] == values[i];
      return n;
    };
    BOOST_TEST(same(drawn(count)) == kDraws);
    BOOST_TEST(same(drawn(count, 8, 1)) < kDraws / 20, text);
    BOOST_TEST(same(drawn(count, 7, 2)) < kDraws / 20, text);
  }
}

BOOST_AUTO_TEST_CASE(a_law_reads_back_as_it_is_written) {
  for (const char* text :
       {"1", "128", "268435456", "uniform:64:256", "normal:128:32", "normal:100.5:0", "lognormal:128:0.5"}) {
    BOOST_TEST(law(text).text() == text);
    BOOST_TEST((parse_token_count(law(text).text()) == law(text)));
  }
  BOOST_TEST((law("normal:128:32") == TokenCount{.kind = TokenCount::Kind::normal, .first = 128, .second = 32}));
}

BOOST_AUTO_TEST_CASE(what_is_no_law_is_nothing) {
  for (const char* text : {"",
                           "0",
                           "-1",
                           "1.5",
                           "268435457",
                           "uniform",
                           "uniform:",
                           "uniform:1",
                           "uniform:2:1",
                           "uniform:0:4",
                           "uniform:1.5:4",
                           "uniform:1:2:3",
                           "uniform:1:1e12",
                           "normal:0:1",
                           "normal:5:-1",
                           "normal:nan:1",
                           "normal:5:inf",
                           "lognormal:5:nan",
                           "lognormal:5:11",
                           "fixed:5:0",
                           "uniform 1:2",
                           "Uniform:1:2",
                           "uniform: 1:2",
                           "normal:128:32 ",
                           "1,2",
                           "poisson:5:1",
                           "lognormal:5:",
                           "normal::5",
                           "normalx:5:1",
                           "99999999999999999999"})
    BOOST_TEST(!parse_token_count(text), text);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace scalebench
