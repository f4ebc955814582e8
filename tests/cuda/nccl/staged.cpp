// What only communicators that go through the host must do.
#include <boost/test/unit_test.hpp>

#include "tests/cuda/nccl/staged_network.hpp"
#include "tests/main_mpi.hpp"

using namespace scalebench;
using scalebench::test::make_staged_backend;
using scalebench::test::test_session;

BOOST_AUTO_TEST_SUITE(staged)

// Both stages send first and look at what comes then, in messages that MPI doesn't take in advance.
BOOST_AUTO_TEST_CASE(neighbours_that_both_send_first_do_not_wait_for_each_other) {
  MpiSession& session = test_session();
  if (session.size() != 2) return;
  Backend b = make_staged_backend(session, {.pp = 2});
  constexpr std::int64_t kCount = 1 << 20;
  const Buffer mine = b.device->allocate(DType::f32, {kCount}, Use::buffers, "mine"),
               theirs = b.device->allocate(DType::f32, {kCount}, Use::buffers, "theirs");
  b.device->run(Fill{.to = mine, .value = static_cast<double>(session.rank() + 1)});
  const bool first = session.rank() == 0;
  Communicator &ahead = b.mesh->link(0, Purpose::forward), &back = b.mesh->link(0, Purpose::backward);
  Communicator &out = first ? ahead : back, &in = first ? back : ahead;
  out.wait(b.device->record());
  const Event sent = out.run(Send{.values = mine, .to = first ? 1 : 0});
  b.device->wait(in.run(Receive{.values = theirs, .from = first ? 1 : 0}));
  BOOST_CHECK_EQUAL(b.device->read(theirs).back(), first ? 2 : 1);
  b.device->wait(sent);
}

// One operation here is one span and one lane, whatever the network below does.
BOOST_AUTO_TEST_CASE(what_the_network_below_does_is_not_seen) {
  MpiSession& session = test_session();
  Backend b = make_staged_backend(session, {.dp = session.size()});
  Communicator& comm = b.mesh->along(Axis::dp, Purpose::reduce);
  const Buffer x = b.device->allocate(DType::f32, {1000}, Use::buffers, "x");
  b.device->run(Fill{.to = x, .value = 1});
  comm.wait(b.device->record());
  b.witness->timeline().record(true);
  for (int i = 0; i < 3; ++i) comm.run(AllReduce{.input = x, .output = x});
  comm.lane().settle();
  BOOST_CHECK_EQUAL(b.witness->timeline().spans().size(), 3);
  BOOST_CHECK_EQUAL(b.witness->lanes().size(), 2);
  double before = 0;
  for (const Span& span : b.witness->timeline().spans()) {
    BOOST_CHECK_LE(span.start, span.end);
    BOOST_CHECK_LE(before, span.end);
    before = span.end;
  }
  b.device->wait(comm.record());
}

BOOST_AUTO_TEST_CASE(a_muted_communicator_leaves_everything_as_it_is) {
  MpiSession& session = test_session();
  Backend b = make_staged_backend(session, {.dp = session.size()});
  Communicator& comm = b.mesh->along(Axis::dp, Purpose::reduce);
  const Buffer x = b.device->allocate(DType::f32, {10}, Use::buffers, "x");
  b.device->run(Fill{.to = x, .value = 1});
  comm.wait(b.device->record());
  comm.mute(true);
  b.device->wait(comm.run(AllReduce{.input = x, .output = x}));
  BOOST_CHECK_EQUAL(b.device->read(x)[0], 1);
}

BOOST_AUTO_TEST_SUITE_END()
