// What is learned of NCCL while it works: by the profiler that it finds in this program, and from its log.
#include <algorithm>
#include <cstdlib>

#include <boost/test/unit_test.hpp>
#include <fmt/format.h>
#include <nccl.h>

#include "collectives/nccl/log.hpp"
#include "collectives/nccl/profiler.hpp"
#include "tests/cuda/nccl/nccl_network.hpp"
#include "tests/main_mpi.hpp"

using namespace scalebench;
using namespace scalebench::shim;
using scalebench::test::make_nccl_backend;
using scalebench::test::test_session;

namespace {

struct Watching {
  Watching() { offer_nccl_profiler(); }
  ~Watching() { unsetenv("NCCL_PROFILER_PLUGIN"), connect_nccl_via("SHM/direct/direct"); }
  MpiSession& session = test_session();
  int ranks = session.size();
  NcclLog log{};
};

// How often a line's operation was done, of "AllReduce 65536 RING LL128 4 2"; 0 where there is none.
int times_of(const std::string& operation) {
  for (const std::string& line : nccl_operations())
    if (line.starts_with(operation + ' ')) return std::stoi(line.substr(operation.size() + 1));
  return 0;
}

}  // namespace

BOOST_FIXTURE_TEST_SUITE(watched, Watching)

BOOST_AUTO_TEST_CASE(the_profiler_notes_how_each_operation_is_done) {
  if (ranks == 1) return;
  Backend b = make_nccl_backend(session, {.dp = ranks});
  Communicator& comm = b.mesh->along(Axis::dp, Purpose::reduce);
  const Buffer full = b.device->allocate(DType::f32, {ranks * 30'000}, Use::buffers, "full"),
               shard = b.device->allocate(DType::f32, {30'000}, Use::buffers, "shard");
  const std::string sum = fmt::format("AllReduce {} RING LL128 4", std::bit_ceil(ranks * 120'000U)),
                    gathered = fmt::format("AllGather {} RING LL128 4", std::bit_ceil(ranks * 120'000U)),
                    scattered = fmt::format("ReduceScatter {} RING LL128 4", std::bit_ceil(ranks * 120'000U));
  const int before = times_of(sum);
  for (int i = 0; i < 2; ++i) comm.run(AllReduce{.input = full, .output = full});
  comm.run(AllGather{.shard = shard, .full = full});
  b.device->wait(comm.run(ReduceScatter{.full = full, .shard = shard}));
  BOOST_TEST(times_of(sum) == before + 2);
  BOOST_TEST(times_of(gathered) == 1);
  BOOST_TEST(times_of(scattered) == 1);
}

BOOST_AUTO_TEST_CASE(of_pairs_it_notes_the_channels) {
  if (ranks != 2) return;
  Backend b = make_nccl_backend(session, {.pp = 2});
  const Buffer x = b.device->allocate(DType::bf16, {1000}, Use::buffers, "x");
  Communicator& link = b.mesh->link(0, Purpose::forward);
  b.device->wait(session.rank() == 0 ? link.run(Send{.values = x, .to = 1})
                                     : link.run(Receive{.values = x, .from = 0}));
  BOOST_TEST(times_of(session.rank() == 0 ? "Send 2048 - - 2" : "Recv 2048 - - 2") == 1);
}

BOOST_AUTO_TEST_CASE(another_profiler_is_left_alone) {
  setenv("NCCL_PROFILER_PLUGIN", "none", 1);
  offer_nccl_profiler();
  BOOST_TEST(std::getenv("NCCL_PROFILER_PLUGIN") == std::string("none"));
}

BOOST_AUTO_TEST_CASE(the_log_says_what_connections_go_over) {
  if (ranks == 1) return;
  const std::vector<std::string> slow{"socket"}, both{"nvlink", "socket"};
  BOOST_TEST(transports_in(log.text()).empty());
  connect_nccl_via("NET/Socket/0");
  Backend b = make_nccl_backend(session, {.dp = ranks});
  b.mesh->along(Axis::dp, Purpose::reduce);
  BOOST_TEST(transports_in(log.text()) == slow, boost::test_tools::per_element());
  connect_nccl_via("P2P/CUMEM");
  b.mesh->along(Axis::dp, Purpose::gather);
  BOOST_TEST(transports_in(log.text()) == both, boost::test_tools::per_element());
}

BOOST_AUTO_TEST_SUITE_END()
