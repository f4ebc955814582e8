// The split of the step of two ranks on a counted clock: what is worked out by hand comes out to the last bit.
#include "tests/app/measuring/counted.hpp"

#include <boost/test/unit_test.hpp>
#include <fmt/format.h>

#include "tests/app/measuring/ranks.hpp"
#include "tests/workloads/trained.hpp"

using namespace scalebench;
using namespace scalebench::test;

namespace {

constexpr double kDelay = 5;  // of a collective; an operation takes 1
constexpr int kSleep = 50, kSleeper = 1;

struct Fixture : Ranks {
  double clock = 0, skew = 0;

  // With the sleeper sleeping before each marked iteration, or not.
  Point run(const Workload& workload, const Assignment& assignment, bool sleeps, double delay = kDelay) {
    std::vector<std::string> faults;
    for (int i = 0; sleeps && i < kMarked; ++i)
      faults.push_back(fmt::format("sleep:rank={},step={},ms={}", kSleeper, kWarmups + kCounted + i, kSleep));
    const CountedWorld world{session, control, clock, skew, delay};
    return measure(workload, assignment, counted_settings(world), faults, [this](int ms) { clock += ms; });
  }
};

// fill | all_reduce beside three fills | fill | all_reduce that nothing overlaps
class HandStep final : public Step {
 public:
  explicit HandStep(World& world)
      : device_(world.device),
        beside_(world.mesh.along(Axis::dp, Purpose::reduce)),
        alone_(world.mesh.along(Axis::dp, Purpose::scalars)),
        x_(device_.allocate(DType::f32, {8}, Use::buffers, "x")),
        y_(device_.allocate(DType::f32, {8}, Use::buffers, "y")) {}
  void run(std::int64_t) override {
    device_.run(Fill{.to = x_});
    beside_.wait(device_.record());
    const Event reduced = beside_.run(AllReduce{.input = x_, .output = x_});
    for (int i = 0; i < 3; ++i) device_.run(Fill{.to = y_});
    device_.wait(reduced);
    device_.run(Fill{.to = x_});
    alone_.wait(device_.record());
    device_.wait(alone_.run(AllReduce{.input = x_, .output = x_}));
  }

 private:
  Device& device_;
  Communicator &beside_, &alone_;
  Buffer x_, y_;
};

const Workload kByHand{
    .name = "by_hand", .summary = "", .prepare = [](World& world, const Assignment&) -> std::unique_ptr<Step> {
      return std::make_unique<HandStep>(world);
    }};

Assignment fsdp(int ranks, bool overlap) {
  Assignment a{.model = tiny_model(), .plan = find_workload("fsdp70b").plan(ranks, ranks), .seed = 7};
  a.model.layers = 16;
  a.plan.sequence = 20;
  a.plan.global_batch = ranks;
  a.plan.overlap = overlap;
  a.plan.dtype = DType::f32;
  a.plan.recompute = Recompute::none;
  return a;
}

Assignment by_hand(int ranks) {
  return {.model = tiny_model(), .plan = {.dp = ranks, .global_batch = ranks, .sequence = 1}};
}

}  // namespace

BOOST_FIXTURE_TEST_SUITE(counted, Fixture)

// 0 fill 1 | all_reduce 1 to 6, under fills until 4 | fill 6 to 7 | all_reduce 7 to 12
BOOST_AUTO_TEST_CASE(a_step_by_hand) {
  const Point point = run(kByHand, by_hand(2), false);
  if (!first()) return;
  const auto marked = iterations_of(point, IterationKind::marked);
  BOOST_REQUIRE_EQUAL(marked.size(), static_cast<std::size_t>(kMarked));
  for (const Iteration* i : marked)
    for (std::size_t rank = 0; rank < 2; ++rank) {
      BOOST_CHECK_EQUAL(i->samples[rank], 12);
      check(i->phases[rank], {{Phase::compute, 5}, {Phase::exposed, 2 + 5}});
    }
  BOOST_CHECK_EQUAL(point.step_time.median, 12);
  BOOST_CHECK_EQUAL(point.muted_time, 5);
}

// Rank 0: fills until 4, waits for rank 1 until 51, all_reduce until 56, fill, all_reduce 57 to 62. Of the 50 that rank
// 1 comes late, 3 are under the fills. On hosts of one clock, and where the sleeper's is far ahead.
BOOST_AUTO_TEST_CASE(a_step_by_hand_whose_other_rank_sleeps) {
  for (const double ahead : {0, 1000}) {
    skew = control.rank() == kSleeper ? ahead : 0;
    clock = skew;
    offset.seconds = -skew;
    const Point point = run(kByHand, by_hand(2), true);
    if (!first()) continue;
    for (const Iteration* i : iterations_of(point, IterationKind::marked)) {
      BOOST_CHECK_EQUAL(i->samples[0], 62);
      BOOST_CHECK_EQUAL(i->samples[1], 62);
      check(i->phases[0], {{Phase::compute, 5}, {Phase::imbalance, 47}, {Phase::exposed, 10}});
      check(i->phases[1], {{Phase::compute, 5}, {Phase::host, 50}, {Phase::exposed, 7}});
    }
    BOOST_CHECK_EQUAL(point.step_time.median, 12);  // nobody slept in the counted ones
  }
}

BOOST_AUTO_TEST_CASE(without_overlap_every_collective_is_exposed_and_a_sleep_is_imbalance_and_host) {
  const Workload workload = find_workload("fsdp70b");
  const Assignment a = fsdp(2, false);
  const double n = collectives_of(workload, a, 2);
  const Point plain = run(workload, a, false), slept = run(workload, a, true);
  if (!first()) return;
  BOOST_CHECK_GT(n, 50);
  const auto before = iterations_of(plain, IterationKind::marked), after = iterations_of(slept, IterationKind::marked);
  BOOST_REQUIRE_EQUAL(before.size(), after.size());
  for (std::size_t i = 0; i < before.size(); ++i)
    for (std::size_t rank = 0; rank < 2; ++rank) {
      const Phases& was = before[i]->phases[rank];
      const double compute = part(was, Phase::compute), optimizer = part(was, Phase::optimizer),
                   input = part(was, Phase::input);
      BOOST_CHECK_EQUAL(before[i]->samples[rank], compute + optimizer + input + n * kDelay);
      check(was, {{Phase::compute, compute},
                  {Phase::optimizer, optimizer},
                  {Phase::input, input},
                  {Phase::exposed, n * kDelay}});
      check(after[i]->phases[rank], {{Phase::compute, compute},
                                     {Phase::optimizer, optimizer},
                                     {Phase::input, input},
                                     {Phase::exposed, n * kDelay},
                                     {rank == kSleeper ? Phase::host : Phase::imbalance, kSleep}});
    }
}

// A delay below half of a block's operations hides behind them, but for the ends of the step; and the muted step tells
// the same as the split.
BOOST_AUTO_TEST_CASE(what_overlap_leaves_exposed_is_what_muting_saves) {
  const Workload workload = find_workload("fsdp70b");
  for (const bool overlap : {false, true}) {
    const Assignment a = fsdp(2, overlap);
    const Point point = run(workload, a, false);
    if (!first()) continue;
    const Iteration& last = *iterations_of(point, IterationKind::marked).back();
    const double exposed = part(last.phases[0], Phase::exposed), n = collectives_of(workload, a, 2);
    BOOST_CHECK_EQUAL(part(last.phases[0], Phase::interference), 0);
    BOOST_CHECK_EQUAL(point.unmuted_less_muted, exposed);
    BOOST_CHECK_EQUAL(point.unmuted_less_muted_ci_low, exposed);
    BOOST_CHECK_EQUAL(point.unmuted_less_muted_ci_high, exposed);
    BOOST_CHECK_EQUAL(point.marked_time - point.muted_time, exposed);
    if (overlap)
      BOOST_CHECK_LE(exposed, 4 * kDelay + 0.05 * point.marked_time);
    else
      BOOST_CHECK_EQUAL(exposed, n * kDelay);
    BOOST_TEST_MESSAGE(fmt::format("{} collectives, exposed {}, step {}", n, exposed, point.marked_time));
  }
}

BOOST_AUTO_TEST_SUITE_END()
