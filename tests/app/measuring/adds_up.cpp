// The split adds up under every plan: on a counted clock, where nothing but what is recorded takes time, no residue is
// left. Of each rank, with collectives and transfers that take time and ranks that come late.
#include <numeric>

#include <boost/test/unit_test.hpp>
#include <fmt/format.h>

#include "tests/app/measuring/counted.hpp"
#include "tests/app/measuring/ranks.hpp"
#include "tests/workloads/trained.hpp"

using namespace scalebench;
using namespace scalebench::test;

namespace {

constexpr int kRanks = 4, kSleeper = 2, kSleep = 50;
constexpr double kDelay = 5;

struct Case {
  std::string name{};
  ParallelPlan plan{};
  bool tied = false;
};

std::vector<Case> cases() {
  std::vector<Case> cases;
  for (const Workload& workload : workloads())
    if (workload.kind == WorkloadKind::training)
      cases.push_back({std::string(workload.name), workload.plan(kRanks, kRanks)});
  cases.push_back({"two chunks a stage", {.pp = 4, .virtual_stages = 2}});
  cases.push_back({"two chunks on two stages", {.dp = 2, .pp = 2, .virtual_stages = 2, .shard = Shard::optimizer}});
  cases.push_back({"stages and tensors", {.tp = 2, .pp = 2, .sequence_parallel = true}, true});
  cases.push_back({"replicas and tensors", {.dp = 2, .tp = 2, .shard = Shard::parameters}});
  return cases;
}

Assignment assignment_of(const Case& c, bool overlap) {
  Assignment a{.model = tiny_model(), .plan = c.plan, .seed = 7};
  a.model.layers = 8;
  a.model.tied_embeddings = c.tied;
  a.plan.overlap = overlap;
  a.plan.sequence = 20;
  a.plan.global_batch = a.plan.dp * a.plan.natural_accumulation();
  a.plan.dtype = DType::f32;
  return a;
}

std::vector<std::string> sleeps() {
  std::vector<std::string> faults;
  for (int i = 0; i < kMarked; ++i)
    faults.push_back(fmt::format("sleep:rank={},step={},ms={}", kSleeper, kWarmups + kCounted + i, kSleep));
  return faults;
}

}  // namespace

// All workloads train by the same step: the plan tells them apart.
BOOST_FIXTURE_TEST_CASE(the_split_adds_up_under_every_plan, Ranks) {
  double clock = 0;
  const MeasureSettings settings =
      counted_settings({.session = session, .control = control, .clock = clock, .delay = kDelay});
  for (const Case& c : cases())
    for (const bool overlap : {false, true}) {
      const Point point = measure(find_workload("pp70b"), assignment_of(c, overlap), settings, sleeps(),
                                  [&clock](int ms) { clock += ms; });
      if (!first()) continue;
      const auto marked = iterations_of(point, IterationKind::marked);
      BOOST_REQUIRE_EQUAL(marked.size(), static_cast<std::size_t>(kMarked));
      for (const Iteration* i : marked)
        for (std::size_t rank = 0; rank < kRanks; ++rank)
          BOOST_TEST_CONTEXT(c.name << (overlap ? ", overlapping" : "") << ", rank " << rank) {
            const Phases& phases = i->phases[rank];
            BOOST_CHECK_EQUAL(part(phases, Phase::residue), 0);
            BOOST_CHECK_EQUAL(std::accumulate(phases.begin(), phases.end(), 0.0), i->samples[rank]);
            for (const Phase phase : {Phase::compute, Phase::exposed, Phase::imbalance, Phase::bubble})
              BOOST_CHECK_GE(part(phases, phase), 0);
            if (c.plan.pp == 1) BOOST_CHECK_EQUAL(part(phases, Phase::bubble), 0);
          }
    }
}
