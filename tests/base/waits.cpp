// The wait check: what would be a race on a GPU is an error everywhere.
#include <boost/test/unit_test.hpp>

#include "base/check.hpp"
#include "collectives/mesh.hpp"
#include "collectives/sim/communicator.hpp"
#include "kernels/sim/device.hpp"

using namespace scalebench;

namespace {

struct Fixture {
  Witness witness{[] { return 0.0; }};
  SimDevice device{witness};
  SimNetwork network{0, 4};
  Mesh mesh{network, witness, device.lane(), {.dp = 4}};
  Communicator& gather = mesh.along(Axis::dp, Purpose::gather);
  Communicator& reduce = mesh.along(Axis::dp, Purpose::reduce);
  Buffer x = device.allocate(DType::f32, {8, 8}, Use::buffers, "x");
  AllReduce sum(const Tensor& t) const { return {.input = t, .output = t}; }
  bool faulty(const std::function<void()>& action, const std::string& word) {
    try {
      action();
    } catch (const BrokenContract& fault) {
      BOOST_TEST_MESSAGE(fault.what());
      return std::string(fault.what()).find(word) != std::string::npos;
    }
    return false;
  }
};

}  // namespace

BOOST_FIXTURE_TEST_SUITE(waits, Fixture)

BOOST_AUTO_TEST_CASE(a_collective_that_does_not_wait_for_its_input_is_caught) {
  device.run(Fill{.to = x});
  BOOST_CHECK(faulty([&] { gather.run(sum(x)); }, "before waiting"));
}

BOOST_AUTO_TEST_CASE(a_collective_that_waits_is_silent) {
  device.run(Fill{.to = x});
  gather.wait(device.record());
  BOOST_CHECK_NO_THROW(gather.run(sum(x)));
}

BOOST_AUTO_TEST_CASE(use_before_wait_is_caught) {
  gather.wait(device.record());
  const Event done = gather.run(sum(x));
  BOOST_CHECK(faulty([&] { device.run(Fill{.to = x}); }, "before waiting"));
  device.wait(done);
  BOOST_CHECK_NO_THROW(device.run(Fill{.to = x}));
}

BOOST_AUTO_TEST_CASE(another_part_of_the_same_memory_is_free_to_use) {
  gather.wait(device.record());
  gather.run(sum(x.tensor().slice(0, 0, 4)));
  BOOST_CHECK_NO_THROW(device.run(Fill{.to = x.tensor().slice(0, 4, 4)}));
  BOOST_CHECK(faulty([&] { device.run(Fill{.to = x.tensor().slice(0, 3, 2)}); }, "before waiting"));
}

BOOST_AUTO_TEST_CASE(two_communication_lanes_race_too) {
  gather.wait(device.record());
  reduce.wait(device.record());
  gather.run(sum(x));
  BOOST_CHECK(faulty([&] { reduce.run(sum(x)); }, "dp_gather"));
}

BOOST_AUTO_TEST_CASE(what_an_event_knows_is_handed_on) {
  gather.wait(device.record());
  gather.run(sum(x));
  reduce.wait(gather.record());
  device.wait(reduce.record());  // knows of gather only through reduce
  BOOST_CHECK_NO_THROW(device.run(Fill{.to = x}));
}

BOOST_AUTO_TEST_CASE(readers_do_not_race_with_each_other) {
  const Buffer y = device.allocate(DType::f32, {64}, Use::buffers, "y"),
               z = device.allocate(DType::f32, {64}, Use::buffers, "z");
  gather.wait(device.record());
  gather.run(AllReduce{.input = x, .output = y});
  device.wait(gather.record());
  reduce.wait(device.record());
  gather.run(AllReduce{.input = x, .output = y});
  BOOST_CHECK_NO_THROW(reduce.run(AllReduce{.input = x, .output = z}));
  device.lane().join(gather.lane());
  device.lane().join(reduce.lane());
}

BOOST_AUTO_TEST_CASE(freeing_what_a_lane_may_still_use_is_caught) {
  {
    const Buffer y = device.allocate(DType::f32, {4}, Use::buffers, "short_lived");
    gather.wait(device.record());
    gather.run(sum(y));
  }
  BOOST_CHECK(faulty([&] { device.run(Fill{.to = x}); }, "short_lived"));
}

BOOST_AUTO_TEST_CASE(a_view_of_freed_memory_is_caught_even_when_the_slot_is_used_again) {
  Tensor stale;
  {
    const Buffer y = device.allocate(DType::f32, {4}, Use::buffers, "y");
    stale = y;
  }
  const Buffer z = device.allocate(DType::f32, {4}, Use::buffers, "z");
  BOOST_CHECK(faulty([&] { device.run(Fill{.to = stale}); }, "freed"));
}

BOOST_AUTO_TEST_CASE(a_repeated_step_takes_no_event_from_outside) {
  gather.wait(device.record());
  const Event outside = gather.run(sum(x));
  BOOST_CHECK(faulty([&] { device.repeat("step", [&] { device.wait(outside); }); }, "from outside"));
}

BOOST_AUTO_TEST_CASE(a_repeated_step_that_leaves_a_lane_behind_is_caught) {
  BOOST_CHECK(faulty(
      [&] {
        device.repeat("step", [&] {
          gather.wait(device.record());
          gather.run(sum(x));
        });
      },
      "does not wait for"));
}

BOOST_AUTO_TEST_CASE(a_repeated_step_allocates_nothing) {
  BOOST_CHECK(faulty([&] { device.repeat("step", [&] { device.allocate(DType::f32, {1}, Use::buffers, "y"); }); },
                     "inside a repeated step"));
}

BOOST_AUTO_TEST_CASE(a_replay_issues_the_same_operations_in_the_same_order) {
  const auto step = [&] {
    device.run(Fill{.to = x});
    gather.wait(device.record());
    device.wait(gather.run(sum(x)));
  };
  witness.timeline().record(true);
  device.repeat("step", step);
  device.repeat("step", [] { BOOST_ERROR("the step is not called again"); });
  const auto& spans = witness.timeline().spans();
  BOOST_REQUIRE_EQUAL(spans.size(), 4U);
  for (std::size_t i : {0U, 1U}) {
    BOOST_CHECK_EQUAL(spans[i].name, spans[i + 2].name);
    BOOST_CHECK_EQUAL(spans[i].lane, spans[i + 2].lane);
  }
}

BOOST_AUTO_TEST_SUITE_END()
