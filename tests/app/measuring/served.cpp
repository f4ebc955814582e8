// Requests are served as in use: unchecked, since a step that is checked is never repeated as a graph.
#include <boost/test/unit_test.hpp>

#include "tests/app/measuring/ranks.hpp"
#include "tests/workloads/decoded.hpp"

using namespace scalebench;
using namespace scalebench::test;

namespace {

std::int64_t checked = 0;  // operations, from the preparation of the step on

std::unique_ptr<Step> prepare_and_count(World& world, const Assignment& assignment) {
  world.witness.at_borders([&witness = world.witness] { checked += witness.checking() ? 1 : 0; });
  return find_workload("decode_qwen3_8b").prepare(world, assignment);
}

std::int64_t checked_of(Ranks& ranks, std::int64_t requests) {
  Assignment a = tiny_decode(tiny_model_of(Family::qwen3, 2), 1);
  a.plan.dp = ranks.control.size();
  a.serving = {.input = {TokenCount::Kind::uniform, 3, 3},
               .output = {TokenCount::Kind::uniform, 4, 4},
               .requests = requests,
               .batch = 2,
               .concurrency = 4,
               .prefill_chunk = 8,
               .kv_dtype = DType::f32,
               .ignore_eos = true};
  a.serving.kv_bytes = 64 * 1024;
  checked = 0;
  Workload workload = find_workload("decode_qwen3_8b");
  workload.prepare = prepare_and_count;
  MeasureSettings settings{.stopping = {.max_seconds = 1e9}, .warmup = {.max_iterations = 2, .max_seconds = 1e9}};
  settings.memory = [](int) { return 1e9; };
  settings.open = make_cpu_backend;
  const Point point = ranks.measure(workload, a, settings);
  if (ranks.first()) BOOST_TEST(point.decode.requests == static_cast<double>(requests));
  return checked;
}

}  // namespace

BOOST_FIXTURE_TEST_SUITE(served, Ranks)

BOOST_AUTO_TEST_CASE(requests_are_not_checked) {
  const std::int64_t of_few = checked_of(*this, 4), of_many = checked_of(*this, 24);
  BOOST_TEST(of_few > 0);
  BOOST_TEST(of_few == of_many);
}

BOOST_AUTO_TEST_SUITE_END()
