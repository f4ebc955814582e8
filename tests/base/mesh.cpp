// The world cut into groups: which ranks lie along which axis.
#include "collectives/mesh.hpp"

#include <set>

#include <boost/test/unit_test.hpp>

#include "collectives/sim/communicator.hpp"
#include "kernels/sim/device.hpp"

using namespace scalebench;

namespace {

Group group_of(int rank, const ParallelPlan& plan, Axis axis) {
  Witness witness{[] { return 0.0; }};
  SimDevice device(witness);
  SimNetwork network(rank, plan.ranks());
  return Mesh(network, witness, device.lane(), plan).group(axis);
}

constexpr Dimension kTp = Dimension::tp, kDp = Dimension::dp, kPp = Dimension::pp;

}  // namespace

BOOST_AUTO_TEST_SUITE(mesh)

BOOST_AUTO_TEST_CASE(neighbours_lie_along_the_innermost_dimension) {
  const ParallelPlan plan{.dp = 3, .tp = 2, .pp = 2};  // rank = tp + 2 dp + 6 pp
  BOOST_CHECK((group_of(9, plan, Axis::tp) == Group{8, 2, 1}));
  BOOST_CHECK((group_of(9, plan, Axis::dp) == Group{7, 3, 2}));
  BOOST_CHECK((group_of(9, plan, Axis::pp) == Group{3, 2, 6}));
  BOOST_CHECK((group_of(9, plan, Axis::world) == Group{0, 12, 1}));
  const ParallelPlan turned{.dp = 3, .tp = 2, .pp = 2, .order = {kPp, kDp, kTp}};  // rank = pp + 2 dp + 6 tp
  BOOST_CHECK((group_of(9, turned, Axis::pp) == Group{8, 2, 1}));
  BOOST_CHECK((group_of(9, turned, Axis::tp) == Group{3, 2, 6}));
}

BOOST_AUTO_TEST_CASE(a_shard_group_is_the_inner_part_of_dp) {
  const ParallelPlan plan{.dp = 4, .tp = 2, .shard_group = 2};
  BOOST_CHECK((group_of(5, plan, Axis::shard) == Group{5, 2, 2}));
  BOOST_CHECK((group_of(5, plan, Axis::replicate) == Group{1, 2, 4}));
  BOOST_CHECK((group_of(5, {.dp = 8}, Axis::shard) == Group{0, 8, 1}));
  BOOST_CHECK((group_of(5, {.dp = 8}, Axis::replicate) == Group{5, 1, 8}));
}

// Whoever is in my group sees the same group, and two axes meet in one rank alone.
BOOST_AUTO_TEST_CASE(groups_part_the_world_in_every_order) {
  for (const Order& order : {Order{kTp, kDp, kPp}, Order{kTp, kPp, kDp}, Order{kDp, kTp, kPp}, Order{kDp, kPp, kTp},
                             Order{kPp, kTp, kDp}, Order{kPp, kDp, kTp}}) {
    const ParallelPlan plan{.dp = 6, .tp = 2, .pp = 3, .order = order, .shard_group = 3};
    for (int rank = 0; rank < plan.ranks(); ++rank) {
      std::set<int> met;
      for (const Axis axis : {Axis::tp, Axis::pp, Axis::shard, Axis::replicate}) {
        const Group group = group_of(rank, plan, axis);
        BOOST_REQUIRE(group.holds(rank));
        for (int i = 0; i < group.size; ++i) {
          BOOST_REQUIRE(group_of(group.member(i), plan, axis) == group);
          if (group.member(i) != rank) BOOST_CHECK(met.insert(group.member(i)).second);
        }
      }
    }
  }
}

BOOST_AUTO_TEST_SUITE_END()
