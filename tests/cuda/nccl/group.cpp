// Operations that NCCL does as one, and what a communicator takes of the GPU.
#include <climits>
#include <cmath>

#include <boost/test/unit_test.hpp>
#include <nccl.h>

#include "tests/cuda/nccl/nccl_network.hpp"
#include "tests/main_mpi.hpp"

using namespace scalebench;
using scalebench::shim::nccl_counts;
using scalebench::test::make_nccl_backend;
using scalebench::test::test_session;

namespace {

struct Groups {
  MpiSession& session = test_session();
  int ranks = session.size();
  Backend b = make_nccl_backend(session, {.dp = ranks});
  Communicator& comm = b.mesh->along(Axis::dp, Purpose::reduce);
  Buffer x = b.device->allocate(DType::f32, {40}, Use::buffers, "x");
  // One as large as the others together: [0, 20), [20, 30), [30, 40).
  void add_up_in_pieces() {
    comm.wait(b.device->record());
    comm.together([&] {
      for (const auto& [begin, count] : {std::pair{0, 20}, {20, 10}, {30, 10}}) {
        const Tensor piece = x.tensor().slice(0, begin, count);
        comm.run(AllReduce{.input = piece, .output = piece});
      }
    });
    b.device->wait(comm.record());
  }
};

}  // namespace

BOOST_FIXTURE_TEST_SUITE(group, Groups)

BOOST_AUTO_TEST_CASE(operations_of_a_group_are_one_launch) {
  b.device->run(Fill{.to = x, .value = 1});
  const int before = nccl_counts().launches;
  for (int i = 0; i < 2; ++i) add_up_in_pieces();
  BOOST_TEST(nccl_counts().launches - before == (ranks > 1 ? 2 : 0));
  for (const double value : b.device->read(x)) BOOST_TEST(value == ranks * ranks);
}

// More than a communicator remembers: the buckets of a large unit.
BOOST_AUTO_TEST_CASE(a_group_may_have_any_number_of_operations) {
  constexpr int kMany = 400;
  const Buffer many = b.device->allocate(DType::f32, {kMany}, Use::buffers, "many");
  b.device->run(Fill{.to = many, .value = 1});
  comm.wait(b.device->record());
  comm.together([&] {
    for (int i = 0; i < kMany; ++i) {
      const Tensor piece = many.tensor().slice(0, i, 1);
      comm.run(AllReduce{.input = piece, .output = piece});
    }
  });
  b.device->wait(comm.record());
  for (const double value : b.device->read(many)) BOOST_TEST(value == ranks);
}

BOOST_AUTO_TEST_CASE(a_repeated_step_has_its_groups) {
  b.device->run(Fill{.to = x, .value = 1});
  b.witness->check_waits(false);
  int launches = 0;
  for (int i = 0; i < 3; ++i) {
    const int before = nccl_counts().launches;
    b.device->repeat("step", [&] { add_up_in_pieces(); });
    launches = nccl_counts().launches - before;
  }
  BOOST_TEST(launches <= 1);  // a graph calls NCCL no more
  for (const double value : b.device->read(x)) BOOST_TEST(value == ranks * ranks * ranks);
}

BOOST_AUTO_TEST_CASE(the_time_of_a_group_is_shared_by_size) {
  if (ranks == 1) return;
  b.device->run(Fill{.to = x, .value = 1});
  b.witness->timeline().record(true);
  b.witness->timeline().clear();
  add_up_in_pieces();
  comm.lane().settle();
  std::vector<Span> spans;
  for (const Span& span : b.witness->timeline().spans())
    if (span.part == Part::communication) spans.push_back(span);
  BOOST_REQUIRE(spans.size() == 3U);
  constexpr double kApart = 1e-3;  // s: each has events of its own, which the host records one after another
  BOOST_TEST(std::abs(spans[0].end - spans[1].start) < kApart);
  BOOST_TEST(std::abs(spans[1].end - spans[2].start) < kApart);
  BOOST_TEST(spans[0].start <= spans[0].end);
}

BOOST_AUTO_TEST_CASE(a_muted_group_does_nothing) {
  b.device->run(Fill{.to = x, .value = 1});
  comm.mute(true);
  add_up_in_pieces();
  BOOST_TEST(b.device->read(x)[0] == 1);
}

// Four of them and three others are there at once on a GPU of 132 multiprocessors: see collectives/nccl/network.cpp.
BOOST_AUTO_TEST_CASE(a_link_leaves_multiprocessors_to_the_others) {
  if (ranks != 2) return;
  Backend two = make_nccl_backend(session, {.pp = 2});
  two.mesh->link(0, Purpose::forward);
  BOOST_TEST(nccl_counts().most_ctas == 8);
  two.mesh->along(Axis::world, Purpose::scalars);
  BOOST_TEST(nccl_counts().most_ctas == INT_MIN);
}

BOOST_AUTO_TEST_SUITE_END()
