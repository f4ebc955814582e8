#include <map>
#include <set>

#include "base/synthetic_language.hpp"
#include "tests/kernels/lab.hpp"

namespace scalebench::test {

namespace {

Values sample(Lab& lab, std::int64_t sequences, std::int64_t length, std::int64_t vocabulary, std::uint64_t seed,
              double counter = 0, std::int64_t first = 0, std::int64_t stride = 0) {
  const Tensor tokens = lab.empty(DType::i32, {sequences, length});
  lab.device().run(SampleTokens{.counter = lab.of(DType::i32, {1}, {counter}),
                                .tokens = tokens,
                                .seed = seed,
                                .vocabulary = vocabulary,
                                .first = first,
                                .stride = stride});
  return lab.read(tokens);
}

double entropy(const std::map<double, double>& counts) {
  double total = 0, sum = 0;
  for (const auto& [id, count] : counts) total += count;
  for (const auto& [id, count] : counts) sum -= count / total * std::log(count / total);
  return sum;
}

// Of the next id when the last is known, in nats.
double conditional_entropy(const Values& ids, std::size_t length) {
  std::map<double, std::map<double, double>> next;
  double total = 0, sum = 0;
  for (std::size_t i = 0; i < ids.size(); ++i)
    if (i % length > 0) ++next[ids[i - 1]][ids[i]], ++total;
  for (const auto& [id, counts] : next) {
    double here = 0;
    for (const auto& [after, count] : counts) here += count;
    sum += here / total * entropy(counts);
  }
  return sum;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(sample_tokens)

BOOST_AUTO_TEST_CASE(ids_are_of_the_vocabulary_and_spread_over_it) {
  for_each_backend([](Lab& lab) {
    for (const std::int64_t vocabulary : {1, 2, 17, 64, 65, 2048, 128'256}) {
      const Values ids = sample(lab, 20, 200, vocabulary, 3);
      const std::set<double> used(ids.begin(), ids.end());
      BOOST_TEST((*used.begin() >= 0 && *used.rbegin() < static_cast<double>(vocabulary)), "vocabulary " << vocabulary);
      BOOST_TEST((used.size() > static_cast<std::size_t>(std::min<std::int64_t>(vocabulary, 64)) / 2),
                 used.size() << " ids of a vocabulary of " << vocabulary);
      BOOST_TEST((*used.rbegin() >= static_cast<double>(vocabulary - 1) * 0.75), "the last id of " << vocabulary);
    }
  });
}

BOOST_AUTO_TEST_CASE(the_last_id_tells_about_the_next_one) {
  for_each_backend([](Lab& lab) {
    for (const std::uint64_t seed : {0, 1, 2, 3, 4, 5, 6, 7}) {
      const Values ids = sample(lab, 200, 200, 2048, seed);
      std::map<double, double> counts;
      for (const double id : ids) ++counts[id];
      const double alone = entropy(counts), known = conditional_entropy(ids, 200);
      BOOST_TEST_CONTEXT("seed " << seed) {
        BOOST_TEST(alone < std::log(64.0));
        BOOST_TEST(alone > 2);    // there is something to learn
        BOOST_TEST(known < 1.5);  // the bound that the header states
        BOOST_TEST(known < alone - 0.5);
      }
    }
  });
}

BOOST_AUTO_TEST_CASE(sequences_are_numbered_by_step_stride_and_first) {
  for_each_backend([](Lab& lab) {
    const Values all = sample(lab, 12, 33, 100, 9);
    const Values part = sample(lab, 2, 33, 100, 9, 2, 1, 4);  // step 2 of 4 sequences, this rank's begin at 1
    BOOST_TEST(part == Values(all.begin() + 9 * 33, all.begin() + 11 * 33), boost::test_tools::per_element());
  });
}

BOOST_AUTO_TEST_CASE(a_device_samples_what_the_language_defines) {
  for_each_backend([](Lab& lab) {
    for (const std::int64_t vocabulary : {1, 3, 128'256})
      for (const std::int64_t length : {1, 300}) {
        std::vector<std::int32_t> wanted(static_cast<std::size_t>(length));
        SyntheticLanguage(5, vocabulary).write(3 * 8 + 2 + 1, wanted);
        const Values both = sample(lab, 2, length, vocabulary, 5, 3, 2, 8);
        BOOST_TEST((Values(both.begin() + length, both.end()) == Values(wanted.begin(), wanted.end())),
                   "vocabulary " << vocabulary << ", length " << length);
      }
  });
}

BOOST_AUTO_TEST_CASE(a_users_sequences_come_in_their_order_and_again) {
  for_each_backend([](Lab& lab) {
    constexpr std::int64_t kRows = 5, kLength = 3;
    Values ids;
    for (std::int64_t i = 0; i < kRows * kLength; ++i) ids.push_back(static_cast<double>(i));
    const Tensor all = lab.of(DType::i32, {kRows, kLength}, ids), tokens = lab.empty(DType::i32, {2, kLength});
    for (const std::int64_t step : {1, 2, 3, 7})
      for (const std::int64_t first : {0, 2}) {  // of two ranks that take 2 sequences each
        lab.device().run(PickTokens{.counter = lab.of(DType::i32, {1}, {static_cast<double>(step)}),
                                    .ids = all,
                                    .tokens = tokens,
                                    .first = first,
                                    .stride = 4});
        Values expected;
        for (std::int64_t b = 0; b < 2; ++b)
          for (std::int64_t t = 0; t < kLength; ++t)
            expected.push_back(static_cast<double>(((step - 1) * 4 + first + b) % kRows * kLength + t));
        BOOST_TEST(lab.read(tokens) == expected, boost::test_tools::per_element());
      }
  });
}

BOOST_AUTO_TEST_CASE(sequences_and_seeds_differ) {
  for_each_backend([](Lab& lab) {
    const Values a = sample(lab, 2, 100, 100, 1), b = sample(lab, 2, 100, 100, 2);
    BOOST_TEST((a != b));
    BOOST_TEST((Values(a.begin(), a.begin() + 100) != Values(a.begin() + 100, a.end())));
  });
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace scalebench::test
