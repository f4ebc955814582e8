// The scheduler alone: every request is answered once and fully, whatever comes when and however small the pool.
#include "tests/workloads/played.hpp"

using namespace scalebench;
using namespace scalebench::test;

namespace {

// Each answered once, whole, in order, with times that rise; in the order of arrival into the batch.
void check_answers(const Job& job, const Played& played) {
  BOOST_REQUIRE_EQUAL(played.answers.size(), job.requests.size());
  for (std::size_t number = 0; number < job.requests.size(); ++number) {
    const Answer& answer = played.answers[number];
    BOOST_REQUIRE_EQUAL(answer.request, static_cast<std::int64_t>(number));
    BOOST_REQUIRE(answer.ended);
    BOOST_REQUIRE(answer.ids == answer_of(job.requests[number], job.settings.end_tokens));
    BOOST_REQUIRE_EQUAL(answer.times.size(), answer.ids.size());
    BOOST_REQUIRE(std::ranges::is_sorted(answer.times, std::ranges::less_equal()));
    BOOST_REQUIRE_GT(answer.times.front(), answer.arrival);
  }
  BOOST_REQUIRE_EQUAL(played.joined.size(), job.requests.size());
  BOOST_CHECK(std::ranges::is_sorted(played.joined));
}

}  // namespace

BOOST_AUTO_TEST_SUITE(decode_schedule)

// At most 24 positions, 2 blocks, a request; 3 to 5 blocks for 6 sequences.
BOOST_AUTO_TEST_CASE(ten_thousand_requests_are_answered_once_each_from_a_pool_that_is_too_small) {
  for (const Arrivals arrivals : {Arrivals::closed, Arrivals::open})
    for (std::int64_t chunk = 1; chunk <= 7; ++chunk) {
      const SchedulerSettings settings{.sequences = 6,
                                       .chunk = chunk,
                                       .blocks = std::min<std::int64_t>(5, 2 + chunk),
                                       .arrivals = arrivals,
                                       .concurrency = 9};
      const Job job = job_of(static_cast<std::uint64_t>(chunk), kMostRequests, 12, settings,
                             chunk < 3 ? 0.6 * static_cast<double>(chunk) : 2.4);
      const Played played = play(job);
      BOOST_TEST_CONTEXT(name_of(arrivals) << ", chunk " << chunk) {
        check_answers(job, played);
        BOOST_CHECK_GT(played.preemptions, kMostRequests / 100);
        BOOST_CHECK_EQUAL(played.most_used, settings.blocks);
        BOOST_CHECK_EQUAL(played.most_sequences, std::min<std::int64_t>(5, 2 + chunk));
      }
    }
}

// Up to 7 blocks a request: pre-empted again and again, in the middle of prompts, too.
BOOST_AUTO_TEST_CASE(requests_that_need_the_whole_pool_are_answered) {
  std::int64_t most = 0;
  for (std::uint64_t seed = 0; seed < 20; ++seed) {
    const SchedulerSettings settings{.sequences = 1 + static_cast<std::int64_t>(seed % 8),
                                     .chunk = 1 + static_cast<std::int64_t>(seed * 5 % 23),
                                     .blocks = 7 + static_cast<std::int64_t>(seed % 5),
                                     .arrivals = seed % 2 == 0 ? Arrivals::closed : Arrivals::open,
                                     .concurrency = 8};
    const Job job = job_of(seed, 300, 56, settings, 0.3);
    const Played played = play(job);
    BOOST_TEST_CONTEXT("seed " << seed) { check_answers(job, played); }
    for (const Answer& answer : played.answers) most = std::max(most, answer.preemptions);
  }
  BOOST_CHECK_GT(most, 2);
}

BOOST_AUTO_TEST_CASE(an_answer_stops_at_the_first_token_that_ends_it) {
  SchedulerSettings settings{.sequences = 6, .chunk = 5, .blocks = 5, .concurrency = 9};
  for (std::int32_t id = 0; id < 1000 * kTags; id += 13) settings.end_tokens.push_back(id);
  const Job job = job_of(3, 1000, 12, settings);
  const Played played = play(job);
  check_answers(job, played);
  std::int64_t early = 0;
  for (std::size_t number = 0; number < job.requests.size(); ++number)
    early += std::ssize(played.answers[number].ids) < job.requests[number].output ? 1 : 0;
  BOOST_CHECK_GT(early, 200);
  BOOST_CHECK_GT(played.preemptions, 0);
}

// 1000 positions through a pool that holds what a window needs; at each step the blocks in use are those in sight.
BOOST_AUTO_TEST_CASE(blocks_behind_a_window_come_back) {
  for (const std::int64_t window : {1, 16, 20, 33})
    for (const std::int64_t chunk : {1, 5, 16, 40}) {
      Job job{.settings = {
                  .sequences = 1, .chunk = chunk, .blocks = blocks_at_once(1000, chunk, window), .window = window}};
      BOOST_REQUIRE_LE(job.settings.blocks, 7);
      job.requests = {{.number = 0, .prompt = {}, .output = 500}};
      for (std::uint64_t i = 0; i < 500; ++i) job.requests[0].prompt.push_back(tagged(0, random_bits(1, i)));
      const Played played = play(job);
      BOOST_TEST_CONTEXT("window " << window << ", chunk " << chunk) {
        check_answers(job, played);
        BOOST_CHECK_EQUAL(played.preemptions, 0);
        BOOST_CHECK_LE(played.most_used, (window + chunk - 2) / kBlockPositions + 2);
        BOOST_CHECK_EQUAL(played.steps, (500 + chunk - 1) / chunk + 499);
      }
    }
}

BOOST_AUTO_TEST_CASE(many_requests_share_a_pool_of_windows) {
  std::int64_t preemptions = 0;
  for (std::uint64_t seed = 0; seed < 12; ++seed) {
    const std::int64_t window = 1 + static_cast<std::int64_t>(seed * 7 % 41),
                       chunk = 1 + static_cast<std::int64_t>(seed % 9);
    const SchedulerSettings settings{.sequences = 5,
                                     .chunk = chunk,
                                     .blocks = blocks_at_once(240, chunk, window) + static_cast<std::int64_t>(seed % 4),
                                     .window = window,
                                     .concurrency = 7};
    const Job job = job_of(seed, 100, 120, settings);
    const Played played = play(job);
    BOOST_TEST_CONTEXT("seed " << seed) { check_answers(job, played); }
    preemptions += played.preemptions;
  }
  BOOST_CHECK_GT(preemptions, 20);
}

BOOST_AUTO_TEST_CASE(what_was_begun_is_answered_and_the_rest_forgotten_where_no_more_is_sent) {
  for (const Arrivals arrivals : {Arrivals::closed, Arrivals::open}) {
    const Job job =
        job_of(5, 500, 12, {.sequences = 6, .chunk = 4, .blocks = 5, .arrivals = arrivals, .concurrency = 9}, 4);
    const Played played = play(job, 400);
    BOOST_TEST_CONTEXT(name_of(arrivals)) {
      BOOST_CHECK_GT(played.answers.size(), 50U);
      BOOST_CHECK_LT(played.answers.size(), 450U);
      const std::size_t given_up = played.answers.size() - played.joined.size();
      BOOST_CHECK_EQUAL(given_up > 0, arrivals == Arrivals::open);  // a closed loop sends one where another ends
      const std::set<std::int64_t> begun(played.joined.begin(), played.joined.end());
      for (std::size_t number = 0; number < played.answers.size(); ++number) {
        const Answer& answer = played.answers[number];
        BOOST_REQUIRE_EQUAL(answer.ended, begun.contains(answer.request));
        BOOST_REQUIRE(answer.ids == (answer.ended ? answer_of(job.requests[number], {}) : std::vector<std::int32_t>{}));
      }
    }
  }
}

BOOST_AUTO_TEST_CASE(the_same_requests_give_the_same_batches) {
  const auto job = [](std::uint64_t seed) {
    return job_of(seed, 400, 12, {.sequences = 6, .chunk = 3, .blocks = 5, .arrivals = Arrivals::open}, 3);
  };
  BOOST_CHECK_EQUAL(play(job(1)).digest, play(job(1)).digest);
  BOOST_CHECK_NE(play(job(1)).digest, play(job(2)).digest);
}

BOOST_AUTO_TEST_SUITE_END()
