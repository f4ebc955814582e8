// Traces worked out by hand, served on a counted clock: the same steps and the same times on the CPU and on sim, and
// the latencies that they come to.
#include <boost/test/unit_test.hpp>
#include <fmt/format.h>

#include "app/measure/decode_summary.hpp"
#include "collectives/control/mpi_control.hpp"
#include "tests/workloads/decoded.hpp"
#include "workloads/blocks/decode_step.hpp"
#include "workloads/blocks/decoder.hpp"

using namespace scalebench;
using namespace scalebench::test;

namespace {

// s that a step lasts; sums and differences of it are exact.
constexpr double kStep = 1.0 / 64;

struct Crowd {
  MpiSession& session = test_session();
  MpiControl control{session};
  bool first = control.rank() == 0;

  // With all ranks of the job as one replica, that takes sim's draws.
  Assignment assignment(Family family = Family::llama) const {
    Assignment a = tiny_decode(tiny_model_of(family), control.size());
    a.takes_draws_of_sim = true;
    return a;
  }

  // On the CPU, after a look that sim does the same.
  DecodeRun run(const Assignment& a) {
    DecodeRun real = decode(a, kStep, true, session), simulated = decode(a, kStep, false, session);
    BOOST_CHECK_EQUAL(real.allocated, simulated.allocated);
    BOOST_CHECK_EQUAL(real.order, simulated.order);
    BOOST_REQUIRE_EQUAL(real.answers.size(), simulated.answers.size());
    for (std::size_t i = 0; i < real.answers.size(); ++i) {
      const Answer &r = real.answers[i], &s = simulated.answers[i];
      BOOST_REQUIRE(r.ids == s.ids);
      BOOST_REQUIRE(r.times == s.times);
      BOOST_REQUIRE_EQUAL(r.arrival, s.arrival);
      BOOST_REQUIRE_EQUAL(r.preemptions, s.preemptions);
      BOOST_REQUIRE_EQUAL(r.ended, s.ended);
    }
    check_spans(real, simulated);
    return real;
  }

  static void check_spans(const DecodeRun& real, const DecodeRun& simulated) {
    BOOST_REQUIRE_EQUAL(real.spans.size(), simulated.spans.size());
    BOOST_REQUIRE_GT(real.spans.size(), 100U);
    for (std::size_t i = 0; i < real.spans.size(); ++i) {
      const Span &r = real.spans[i], &s = simulated.spans[i];
      BOOST_REQUIRE_EQUAL(r.name, s.name);
      BOOST_REQUIRE_EQUAL(real.lanes[r.lane], simulated.lanes[s.lane]);
      BOOST_REQUIRE_EQUAL(r.flops, s.flops);
      BOOST_REQUIRE_EQUAL(r.bytes, s.bytes);
    }
  }

  // As a point's results are made of it.
  DecodeResults results(const Assignment& a, const DecodeRun& run) {
    Point point;
    gather_decode(point, {.ranks = control.size(), .assignment = a},
                  {.place = control.rank(), .steps = run.steps, .answers = run.answers}, control.world(), control);
    return point.decode;
  }
};

void check_times(const Answer& answer, double arrival, std::vector<double> steps) {
  for (double& time : steps) time *= kStep;
  BOOST_CHECK_EQUAL(answer.arrival, arrival * kStep);
  BOOST_CHECK_EQUAL_COLLECTIONS(answer.times.begin(), answer.times.end(), steps.begin(), steps.end());
  BOOST_CHECK(answer.ended);
}

void check_median(const DecodeResults& r, LatencyMetric metric, double steps) {
  BOOST_CHECK_EQUAL(r.latency[static_cast<std::size_t>(metric)].p50, steps * kStep);
}

}  // namespace

BOOST_FIXTURE_TEST_SUITE(decode_trace, Crowd)

// Chunks of 4, a batch of 2; times in steps.
//
//   step   0- 1  0: its prompt of 3, and token 1
//          1- 2  0: token 2. 1 has come at 0.5: 4 of its prompt of 6. 2 has come at 1; the batch is full
//          2- 3  0: token 3, its last. 1: the rest of its prompt, and token 1
//          3- 4  1: token 2, its last. 2 takes 0's place: its prompt of 2, and token 1, its last
//         20-21  3 comes at 20: 4 of its prompt of 5
//         21-22  3: the rest, and token 1
//         22-23  3: token 2, its last
//
// TTFT 1, 2.5, 3, 2. TPOT 1, 1, none, 1. E2EL 3, 3.5, 3, 3. Gaps 1, 1, 1, 1.
BOOST_AUTO_TEST_CASE(a_listed_trace_gives_the_latencies_worked_out_by_hand) {
  for (const Family family : {Family::llama, Family::gpt2}) {
    Assignment a = assignment(family);
    a.sources.trace = {{0, 3, 3}, {0.5 * kStep, 6, 2}, {1 * kStep, 2, 1}, {20 * kStep, 5, 2}};
    a.serving = {.requests = 4,
                 .batch = 2,
                 .arrivals = Arrivals::listed,
                 .prefill_chunk = 4,
                 .kv_dtype = DType::f32,
                 .limits = {{LatencyMetric::ttft, 2.5 * kStep}, {LatencyMetric::e2el, 3 * kStep}}};
    const DecodeRun served = run(a);
    check_times(served.answers[0], 0, {1, 2, 3});
    check_times(served.answers[1], 0.5, {3, 4});
    check_times(served.answers[2], 1, {4});
    check_times(served.answers[3], 20, {22, 23});
    BOOST_CHECK_EQUAL(served.steps.size(), 7U);

    const DecodeResults r = results(a, served);
    if (!first) continue;
    BOOST_CHECK_EQUAL(r.requests, 4);
    check_median(r, LatencyMetric::ttft, 2.25);  // between 2 and 2.5
    check_median(r, LatencyMetric::tpot, 1);
    check_median(r, LatencyMetric::itl_gap, 1);
    check_median(r, LatencyMetric::e2el, 3);
    BOOST_CHECK_EQUAL(r.good_share, 0.5);  // 0 and 3: 1 ends too late, 2 begins too late
    BOOST_CHECK_EQUAL(r.goodput, 2 / (23 * kStep));
    BOOST_CHECK_EQUAL(r.throughput_whole, 8 / (23 * kStep));
    BOOST_CHECK_EQUAL(r.throughput_steady, 2 / (17 * kStep));  // from 3 to 20: what came at 4
    BOOST_CHECK_EQUAL(r.input_tokens, 4);
    BOOST_CHECK_EQUAL(r.output_tokens, 2);
  }
}

// Chunks of 16, a batch of 2, a cache of 3 blocks of 16 positions; both come at 0 with a prompt of 14.
//
//   step 0-1  0: its prompt, and token 1. 1: 2 of its prompt
//        1-2  0: token 2. 1: the other 12, and token 1
//        2-3  0: token 3. 1: token 2
//        3-4  0: token 4; position 16 takes the third block. 1: token 3, from position 15
//        4-5  0: token 5, its last. 1 needs another block: there is none, so it gives up its own
//        5-6  1 is computed again: 16 of its 17 positions
//        6-7  1: the last of these, and token 4
//        7-8  1: token 5, its last
//
// TTFT 1, 2. TPOT 1, 6/4. Gaps 1 x 4, 1, 1, 3, 1. E2EL 5, 8.
BOOST_AUTO_TEST_CASE(a_pre_empted_request_is_computed_again_and_late) {
  Assignment a = assignment();
  a.sources.trace = {{0, 14, 5}, {0, 14, 5}};
  a.serving = {.requests = 2,
               .batch = 2,
               .arrivals = Arrivals::listed,
               .prefill_chunk = 16,
               .kv_bytes = 3 * Decoder::bytes_of_block(a.model, a.plan, DType::f32),
               .kv_dtype = DType::f32,
               .limits = {{LatencyMetric::itl_gap, 2 * kStep}}};
  const DecodeRun served = run(a);
  check_times(served.answers[0], 0, {1, 2, 3, 4, 5});
  check_times(served.answers[1], 0, {2, 3, 4, 7, 8});
  BOOST_CHECK_EQUAL(served.answers[0].preemptions, 0);
  BOOST_CHECK_EQUAL(served.answers[1].preemptions, 1);
  const std::vector<double> used = {2, 2, 2, 3, 2, 1, 2, 2}, rows = {16, 13, 2, 2, 1, 16, 1, 1};
  BOOST_REQUIRE_EQUAL(served.steps.size(), used.size());
  for (std::size_t i = 0; i < used.size(); ++i) {
    BOOST_CHECK_EQUAL(served.steps[i].occupancy, used[i] / 3);
    BOOST_CHECK_EQUAL(static_cast<double>(served.steps[i].rows), rows[i]);
  }
  const DecodeResults r = results(a, served);
  if (!first) return;
  check_median(r, LatencyMetric::ttft, 1.5);
  check_median(r, LatencyMetric::tpot, 1.25);
  check_median(r, LatencyMetric::itl_gap, 1);
  check_median(r, LatencyMetric::e2el, 6.5);
  BOOST_CHECK_EQUAL(r.preemptions, 1);
  BOOST_CHECK_EQUAL(r.good_share, 0.5);
  BOOST_CHECK_EQUAL(r.goodput, 1 / (8 * kStep));
}

// The third of three comes as the first of two ends; that is known one step late, but counts from its time.
BOOST_AUTO_TEST_CASE(of_a_closed_loop_the_next_request_comes_as_one_is_answered) {
  Assignment a = assignment();
  a.serving = {.input = {.first = 2},
               .output = {.first = 2},
               .requests = 3,
               .batch = 2,
               .concurrency = 2,
               .prefill_chunk = 16,
               .kv_dtype = DType::f32,
               .ignore_eos = true};
  const DecodeRun served = run(a);
  check_times(served.answers[0], 0, {1, 2});
  check_times(served.answers[1], 0, {1, 2});
  check_times(served.answers[2], 2, {3, 4});
}

// Poisson arrivals, lengths that vary, tokens that end answers, a cache that is too small.
BOOST_AUTO_TEST_CASE(cpu_and_sim_do_the_same_steps_under_load) {
  for (const Family family : {Family::qwen3, Family::mistral}) {
    Assignment a = assignment(family);
    a.model.end_tokens = {3, 50};
    a.serving = {.input = {TokenCount::Kind::uniform, 1, 30},
                 .output = {TokenCount::Kind::uniform, 1, 30},
                 .requests = 40,
                 .batch = 5,
                 .arrivals = Arrivals::open,
                 .request_rate = 0.4 / kStep,
                 .prefill_chunk = 9,
                 .kv_bytes = 6 * Decoder::bytes_of_block(a.model, a.plan, DType::f32),
                 .kv_dtype = DType::f32};
    const DecodeRun served = run(a);
    std::int64_t preemptions = 0, early = 0;
    for (const Answer& answer : served.answers) {
      BOOST_CHECK(answer.ended);
      preemptions += answer.preemptions;
      early += answer.ids.back() == 3 || answer.ids.back() == 50 ? 1 : 0;
      for (std::size_t i = 0; i < answer.ids.size(); ++i)
        BOOST_REQUIRE_EQUAL(answer.ids[i],
                            simulated_draw(a.seed, answer.request, answer.input + static_cast<std::int64_t>(i), 67));
    }
    BOOST_CHECK_GT(early, 5);
    if (family == Family::qwen3) BOOST_CHECK_GT(preemptions, 5);
  }
}

BOOST_AUTO_TEST_SUITE_END()
