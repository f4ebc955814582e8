// The wait check finds a missing wait: each wait of each schedule is left out in turn, on sim, with overlap on.
//
// What is not found stands in left_out_waits.txt, with the reason why nothing is wrong without it.
#include <fstream>
#include <limits>
#include <map>
#include <set>
#include <sstream>
#include <string>
#include <vector>

#include <boost/test/unit_test.hpp>
#include <fmt/format.h>
#include <fmt/ranges.h>

#include "base/check.hpp"
#include "tests/workloads/trained.hpp"
#include "workloads/registry.hpp"

using namespace scalebench;
using namespace scalebench::test;

namespace {

constexpr int kRanks = 4, kRank = 1;
constexpr int kSteps = 2;  // the second is a replay: it meets what the first one left behind

struct Schedule {
  std::string_view name;
  std::int64_t micro_batch = 3;  // of 3 sequences of a rank: 3 is all at once, 1 accumulates
  int prefetch = 1;
  bool reshard = true;
  Recompute recompute = Recompute::full;
  DType dtype = DType::bf16;
};

constexpr Schedule kSchedules[] = {
    {.name = "plain"},
    {.name = "fp32", .dtype = DType::f32},
    {.name = "accumulation", .micro_batch = 1},
    {.name = "no_reshard", .reshard = false, .recompute = Recompute::none},
    {.name = "no_prefetch", .prefetch = 0},
    {.name = "prefetch_3", .prefetch = 3},
};

Assignment assignment_of(const Workload& workload, const Schedule& s) {
  Assignment a{.model = tiny_model(), .plan = workload.plan(kRanks, kRanks), .seed = 7};
  a.model.layers = std::max<std::int64_t>(a.model.layers, a.plan.pp);
  a.plan.sequence = 20;
  if (a.plan.tp > 1) a.plan.tp = a.plan.dp = 2;
  a.plan.global_batch = 3 * a.plan.dp * a.plan.pp;
  a.plan.micro_batch = s.micro_batch;
  a.plan.prefetch = s.prefetch;
  a.plan.reshard_after_forward = s.reshard;
  a.plan.recompute = s.recompute;
  a.plan.dtype = s.dtype;
  a.plan.bucket_bytes = 10000;  // several, and none of them a unit
  return a;
}

struct Trial {
  std::uint64_t waits = 0;
  bool faulty = false;
};

// `left_out`: the number of a wait; nothing is left out where there is none of this number.
Trial run_without(std::uint64_t left_out, const Workload& workload, const Assignment& a) {
  Backend sim = make_sim_backend(kRank, a.plan);
  sim.witness->leave_out_wait(left_out);
  World world = sim.world();
  Trial trial;
  try {
    const auto step = workload.prepare(world, a);
    for (int i = 0; i < kSteps; ++i) step->run(i);
    sim.witness->throw_noted_fault();
  } catch (const BrokenContract&) {
    trial.faulty = true;
  }
  trial.waits = sim.witness->waits();
  return trial;
}

constexpr std::uint64_t kNone = std::numeric_limits<std::uint64_t>::max();

std::vector<std::uint64_t> not_missed(const Workload& workload, const Assignment& a) {
  const Trial whole = run_without(kNone, workload, a);
  BOOST_CHECK(!whole.faulty);
  BOOST_CHECK_GE(whole.waits, 5U);
  std::vector<std::uint64_t> numbers;
  for (std::uint64_t n = 0; n < whole.waits; ++n)
    if (!run_without(n, workload, a).faulty) numbers.push_back(n);
  return numbers;
}

// By "workload schedule": the waits that may be left out. Each must have a reason, and each reason an explanation.
std::map<std::string, std::vector<std::uint64_t>> stored_list() {
  std::map<std::string, std::vector<std::uint64_t>> list;
  std::set<std::string> reasons;
  std::ifstream file(SCALEBENCH_LEFT_OUT_WAITS);
  BOOST_REQUIRE(file.good());
  for (std::string line; std::getline(file, line);) {
    const std::size_t colon = line.find(':');
    if (line.starts_with('#') || colon == std::string::npos) continue;
    const std::string key = line.substr(0, colon);
    if (key.starts_with("reason ")) {
      reasons.insert(key.substr(7));
      continue;
    }
    std::vector<std::uint64_t>& numbers = list[key];
    std::istringstream items(line.substr(colon + 1));
    for (std::string item; std::getline(items, item, ',');) {
      std::istringstream words(item);
      std::uint64_t number = kNone;
      std::string reason;
      BOOST_REQUIRE(words >> number >> reason);
      BOOST_CHECK_MESSAGE(reasons.contains(reason), key << " " << number << " has no reason");
      numbers.push_back(number);
    }
  }
  return list;
}

}  // namespace

BOOST_AUTO_TEST_CASE(each_wait_that_is_left_out_is_missed_but_for_those_in_the_list) {
  std::map<std::string, std::vector<std::uint64_t>> found;
  for (const Workload& workload : workloads()) {
    if (workload.kind != WorkloadKind::training) continue;
    for (const Schedule& schedule : kSchedules) {
      const std::string key = fmt::format("{} {}", workload.name, schedule.name);
      found[key] = not_missed(workload, assignment_of(workload, schedule));
    }
  }
  const auto listed = stored_list();
  BOOST_CHECK_EQUAL(found.size(), listed.size());
  for (const auto& [key, numbers] : found) {
    const auto entry = listed.find(key);
    BOOST_CHECK_MESSAGE(entry != listed.end() && entry->second == numbers,
                        "the list should say, with reasons: " << fmt::format("{}: {}", key, fmt::join(numbers, ", ")));
  }
}
