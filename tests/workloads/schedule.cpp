// Schedules of a pipeline: complete, never stuck, and as long as the papers say.
#include "workloads/blocks/schedule.hpp"

#include <algorithm>
#include <map>

#include <boost/test/unit_test.hpp>

#include "spec/catalogue.hpp"
#include "workloads/blocks/stage.hpp"

using namespace scalebench;

namespace {

constexpr Direction kForward = Direction::forward, kBackward = Direction::backward;

struct Case {
  int stages, chunks;
  std::int64_t micro_batches;
};
constexpr Case kCases[] = {{1, 1, 3}, {2, 1, 1}, {2, 1, 8}, {4, 1, 2}, {4, 1, 4},  {4, 1, 9},
                           {2, 2, 2}, {2, 2, 8}, {3, 2, 6}, {4, 2, 4}, {4, 2, 16}, {4, 3, 8}};

// Runs all stages side by side; an action takes 1 / chunks forward, twice that backward, as soon as what it needs is
// there. Returns the time of the last end; 0 where they wait for each other.
double run(const Case& c) {
  using Key = std::tuple<bool, std::int64_t, std::int64_t>;  // backward, part of the model, micro-batch
  std::map<Key, double> ends;
  std::vector<std::vector<Action>> schedules;
  for (int stage = 0; stage < c.stages; ++stage)
    schedules.push_back(schedule_of(c.stages, stage, c.chunks, c.micro_batches));
  std::vector<std::size_t> next(schedules.size());
  std::vector<double> clocks(schedules.size());
  const std::int64_t last = std::int64_t{c.stages} * c.chunks - 1;
  for (bool moved = true; moved;) {
    moved = false;
    for (std::size_t stage = 0; stage < schedules.size(); ++stage)
      while (next[stage] < schedules[stage].size()) {
        const Action& a = schedules[stage][next[stage]];
        const bool back = a.direction == kBackward;
        const std::int64_t part = static_cast<std::int64_t>(a.chunk) * c.stages + static_cast<std::int64_t>(stage);
        double ready = 0;
        if (back || part > 0) {
          const auto needed = ends.find(!back         ? Key{false, part - 1, a.micro_batch}
                                        : part < last ? Key{true, part + 1, a.micro_batch}
                                                      : Key{false, part, a.micro_batch});
          if (needed == ends.end()) break;
          ready = needed->second;
        }
        clocks[stage] = std::max(clocks[stage], ready) + (back ? 2.0 : 1.0) / c.chunks;
        ends[{back, part, a.micro_batch}] = clocks[stage];
        ++next[stage], moved = true;
      }
  }
  for (std::size_t stage = 0; stage < schedules.size(); ++stage)
    if (next[stage] < schedules[stage].size()) return 0;
  return *std::ranges::max_element(clocks);
}

}  // namespace

BOOST_AUTO_TEST_CASE(one_stage_goes_back_after_each_forward) {
  const std::vector<Action> expected = {{kForward, 0, 0}, {kBackward, 0, 0}, {kForward, 0, 1}, {kBackward, 0, 1}};
  BOOST_CHECK(schedule_of(1, 0, 1, 2) == expected);
}

BOOST_AUTO_TEST_CASE(a_first_stage_of_three_is_two_forwards_ahead) {
  const std::vector<Action> expected = {{kForward, 0, 0}, {kForward, 0, 1},  {kForward, 0, 2},  {kBackward, 0, 0},
                                        {kForward, 0, 3}, {kBackward, 0, 1}, {kBackward, 0, 2}, {kBackward, 0, 3}};
  BOOST_CHECK(schedule_of(3, 0, 1, 4) == expected);
}

BOOST_AUTO_TEST_CASE(interleaved_micro_batches_pass_chunk_after_chunk_in_rounds) {
  const std::vector<Action> expected = {{kForward, 0, 0}, {kForward, 0, 1},  {kForward, 1, 0},  {kBackward, 1, 0},
                                        {kForward, 1, 1}, {kBackward, 1, 1}, {kBackward, 0, 0}, {kBackward, 0, 1}};
  BOOST_CHECK(schedule_of(2, 1, 2, 2) == expected);
}

BOOST_AUTO_TEST_CASE(each_micro_batch_passes_each_chunk_once_in_each_direction) {
  for (const Case& c : kCases)
    for (int stage = 0; stage < c.stages; ++stage) {
      std::map<std::tuple<bool, std::size_t, std::int64_t>, int> seen;
      for (const Action& a : schedule_of(c.stages, stage, c.chunks, c.micro_batches))
        ++seen[{a.direction == kBackward, a.chunk, a.micro_batch}];
      BOOST_CHECK_EQUAL(seen.size(), static_cast<std::size_t>(2 * c.chunks * c.micro_batches));
    }
}

// Narayanan et al. 2021, section 2.2: the bubble is (p - 1) / v of a micro-batch's time.
BOOST_AUTO_TEST_CASE(a_step_lasts_as_long_as_its_micro_batches_and_the_bubble) {
  for (const Case& c : kCases) {
    const double expected = 3 * (static_cast<double>(c.micro_batches) + (c.stages - 1.0) / c.chunks);
    BOOST_TEST_CONTEXT(c.stages << " stages x " << c.chunks << ", " << c.micro_batches << " micro-batches")
    BOOST_CHECK_CLOSE(run(c), expected, 1e-9);
  }
}

BOOST_AUTO_TEST_CASE(the_last_stage_goes_back_from_the_head_at_once) {
  for (const Case& c : kCases) {
    const auto schedule = schedule_of(c.stages, c.stages - 1, c.chunks, c.micro_batches);
    for (std::size_t i = 0; i < schedule.size(); ++i) {
      const Action& a = schedule[i];
      if (a.direction == kForward && a.chunk + 1 == static_cast<std::size_t>(c.chunks))
        BOOST_CHECK((schedule.at(i + 1) == Action{kBackward, a.chunk, a.micro_batch}));
    }
  }
}

BOOST_AUTO_TEST_CASE(layers_that_are_left_over_go_to_the_middle_then_to_the_first) {
  const auto parts = [](std::int64_t layers, std::int64_t n) { return layers_of_parts(layers, n); };
  BOOST_CHECK((parts(8, 4) == std::vector<std::int64_t>{2, 2, 2, 2}));
  BOOST_CHECK((parts(9, 4) == std::vector<std::int64_t>{2, 3, 2, 2}));
  BOOST_CHECK((parts(11, 4) == std::vector<std::int64_t>{3, 3, 3, 2}));
  BOOST_CHECK((parts(3, 2) == std::vector<std::int64_t>{2, 1}));
  BOOST_CHECK((parts(5, 1) == std::vector<std::int64_t>{5}));
}

BOOST_AUTO_TEST_CASE(the_stages_hold_each_unit_once_and_a_tied_table_twice) {
  for (const bool tied : {false, true}) {
    ModelSpec model = find_model("tiny-llama");
    model.layers = 7, model.tied_embeddings = tied;
    const std::vector<Unit> units = units_of(model);
    std::map<std::size_t, int> holders;
    for (int stage = 0; stage < 3; ++stage)
      for (const Unit& unit : stage_of(units, {.pp = 3, .virtual_stages = 2}, stage).units) ++holders[unit.number];
    BOOST_CHECK_EQUAL(holders.size(), units.size());
    for (const auto& [number, count] : holders) BOOST_CHECK_EQUAL(count, tied && number == 0 ? 2 : 1);
  }
}
