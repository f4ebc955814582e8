// What a request is answered depends on the seed, its number and its prompt: not on what shares its batch, not on the
// chunks of its prompt, not on the size of the cache, not on the ranks.
#include <algorithm>
#include <ranges>
#include <set>

#include <boost/test/unit_test.hpp>
#include <fmt/format.h>
#include <fmt/ranges.h>

#include "collectives/control/mpi_control.hpp"
#include "tests/workloads/decoded.hpp"
#include "workloads/blocks/decoder.hpp"

using namespace scalebench;
using namespace scalebench::test;

namespace {

using Ids = std::vector<std::vector<std::int32_t>>;  // of each request's answer

struct Crowd {
  MpiSession& session = test_session();
  MpiControl control{session};
  int ranks = control.size();
  bool first = control.rank() == 0;

  static Assignment assignment(int tp, Family family, const Sampling& sampling) {
    Assignment a = tiny_decode(tiny_model_of(family), tp);
    a.serving = {.input = {TokenCount::Kind::uniform, 1, 30},
                 .output = {TokenCount::Kind::uniform, 1, 20},
                 .requests = 17,
                 .batch = 17,
                 .concurrency = 17,
                 .prefill_chunk = 512,
                 .kv_dtype = DType::f32,
                 .ignore_eos = true,
                 .sampling = sampling};
    return a;
  }

  // Every rank drew the same.
  Ids ids(const Assignment& a) {
    Ids ids;
    for (const Answer& answer : decode(a, 1, true, session).answers) ids.push_back(answer.ids);
    Ids repeated;
    for (const Answer& answer : decode(a, 1, true, session, StepsAre::repeated).answers) repeated.push_back(answer.ids);
    BOOST_CHECK(repeated == ids);
    if (a.plan.tp > 1) control.agree("the answers", fmt::format("{}", ids), Exit::wrong, control.world());
    return ids;
  }
};

struct Case {
  Family family;
  Sampling sampling;
};
const std::vector<Case> kCases = {
    {Family::qwen3, {}},
    {Family::mistral, {.temperature = 1}},
    {Family::qwen2, {.temperature = 0.7, .top_k = 20}},
    {Family::gpt2, {.temperature = 1.3, .top_p = 0.8}},
    {Family::llama, {.temperature = 1, .top_k = 30, .top_p = 0.9}},
};

}  // namespace

BOOST_FIXTURE_TEST_SUITE(decode_sampling, Crowd)

BOOST_AUTO_TEST_CASE(an_answer_does_not_depend_on_what_shares_its_batch_nor_on_the_ranks) {
  for (const auto& [family, sampling] : kCases) {
    Assignment a = assignment(ranks, family, sampling);
    const Ids together = ids(a);
    BOOST_TEST_CONTEXT(name_of(family) << " temperature " << sampling.temperature << " top-k " << sampling.top_k
                                       << " top-p " << sampling.top_p) {
      BOOST_CHECK(ids(a) == together);
      a.serving.batch = 5, a.serving.prefill_chunk = 3;
      a.serving.kv_bytes = 5 * Decoder::bytes_of_block(a.model, a.plan, a.serving.kv_dtype);
      BOOST_CHECK(ids(a) == together);
      a.serving.batch = 1, a.serving.kv_bytes = 0, a.serving.requests = 6;
      const Ids alone = ids(a);
      BOOST_CHECK(std::ranges::equal(alone, together | std::views::take(6)));
      if (first) BOOST_CHECK(ids(assignment(1, family, sampling)) == together);
    }
  }
}

BOOST_AUTO_TEST_CASE(seed_and_temperature_count) {
  Assignment a = assignment(ranks, Family::llama, {.temperature = 1});
  std::set<Ids> different = {ids(a)};
  a.serving.sampling = {};
  different.insert(ids(a));
  a.serving.sampling = {.temperature = 1, .top_k = 2};
  different.insert(ids(a));
  a.serving.sampling = {.temperature = 1, .top_p = 0.3};
  different.insert(ids(a));
  BOOST_CHECK_EQUAL(different.size(), 4U);
  a.serving.sampling = {.temperature = 1, .top_k = 1};
  BOOST_CHECK(different.contains(ids(a)));  // the best token alone
}

// Of the same prompt, each request draws for itself.
BOOST_AUTO_TEST_CASE(requests_of_one_prompt_draw_independently) {
  Assignment a = assignment(ranks, Family::llama, {.temperature = 1});
  a.sources.prompts = {{5, 9, 2, 61}};
  a.serving.output = {.first = 12};
  const Ids drawn = ids(a);
  BOOST_CHECK_EQUAL(std::set<std::vector<std::int32_t>>(drawn.begin(), drawn.end()).size(), 17U);
  a.serving.sampling = {};
  const Ids best = ids(a);
  BOOST_CHECK_EQUAL(std::set<std::vector<std::int32_t>>(best.begin(), best.end()).size(), 1U);
  BOOST_CHECK_EQUAL(best.front().size(), 12U);
}

BOOST_AUTO_TEST_SUITE_END()
