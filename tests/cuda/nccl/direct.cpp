// MPI that reads the GPU's memory: forced here, where that is the host's.
#include <boost/test/unit_test.hpp>

#include "tests/cuda/nccl/staged_network.hpp"
#include "tests/main_mpi.hpp"

using namespace scalebench;
using scalebench::test::make_staged_backend;
using scalebench::test::test_session;

namespace {

struct Direct {
  MpiSession& session = test_session();
  int ranks = session.size(), rank = session.rank();
  Backend b = make_staged_backend(session, {.dp = ranks}, GpuMemory::direct);
  Buffer mine = b.device->allocate(DType::f32, {100'000}, Use::buffers, "mine"),
         all = b.device->allocate(DType::f32, {100'000 * ranks}, Use::buffers, "all");
  Direct() { b.device->run(Fill{.to = mine, .value = rank + 1.0}); }
  template <class Op>
  std::vector<double> result(Communicator& comm, const Op& op, const Tensor& of) {
    comm.wait(b.device->record());
    b.device->wait(comm.run(op));
    return b.device->read(of);
  }
};

}  // namespace

BOOST_FIXTURE_TEST_SUITE(direct, Direct)

BOOST_AUTO_TEST_CASE(what_is_moved_comes_as_it_was) {
  Communicator& comm = b.mesh->along(Axis::dp, Purpose::gather);
  const auto gathered = result(comm, AllGather{.shard = mine, .full = all}, all);
  for (int r = 0; r < ranks; ++r) BOOST_TEST(gathered[static_cast<std::size_t>(r) * 100'000 + 99'999] == r + 1);
  BOOST_TEST(result(comm, Broadcast{.values = mine}, mine).back() == 1);
}

BOOST_AUTO_TEST_CASE(sums_are_right) {
  Communicator& comm = b.mesh->along(Axis::dp, Purpose::reduce);
  BOOST_TEST(result(comm, AllReduce{.input = mine, .output = mine}, mine).back() == ranks * (ranks + 1) / 2);
}

BOOST_AUTO_TEST_CASE(neighbours_pass_on) {
  if (ranks != 2) return;
  Backend two = make_staged_backend(session, {.pp = 2}, GpuMemory::direct);
  const Buffer x = two.device->allocate(DType::f32, {100'000}, Use::buffers, "x");
  two.device->run(Fill{.to = x, .value = rank + 1.0});
  Communicator& link = two.mesh->link(0, Purpose::forward);
  link.wait(two.device->record());
  two.device->wait(rank == 0 ? link.run(Send{.values = x, .to = 1}) : link.run(Receive{.values = x, .from = 0}));
  BOOST_TEST(two.device->read(x).back() == 1);
}

BOOST_AUTO_TEST_SUITE_END()
