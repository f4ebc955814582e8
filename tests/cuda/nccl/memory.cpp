// NCCL's own memory, and its registration with communicators.
#include <boost/test/unit_test.hpp>
#include <nccl.h>

#include "collectives/control/mpi_control.hpp"
#include "tests/cuda/nccl/nccl_network.hpp"
#include "tests/main_mpi.hpp"

using namespace scalebench;
using scalebench::shim::fail_nccl_with;
using scalebench::shim::nccl_counts;
using scalebench::shim::NcclFault;
using scalebench::test::make_nccl_backend;
using scalebench::test::test_session;

namespace {

constexpr std::size_t kPiece = std::size_t{1} << 20;
constexpr double kLimit = 120;

struct Memories {
  Memories() { meet(); }
  ~Memories() {
    meet();
    fail_nccl_with(NcclFault::none);
  }
  MpiSession& session = test_session();
  MpiControl control{session};
  int ranks = session.size(), rank = session.rank();
  NcclMemory memory{kPiece};
  void meet() { control.barrier(control.world()); }
  Backend open(const ParallelPlan& plan) { return make_nccl_backend(session, plan, kLimit, memory); }

  // A sum over all ranks in a buffer; NCCL has it all the same, however it's registered.
  void add_up(Backend& b, const Tensor& x, Communicator& comm) {
    b.device->run(Fill{.to = x, .value = 1});
    comm.wait(b.device->record());
    b.device->wait(comm.run(AllReduce{.input = x, .output = x}));
    BOOST_TEST(b.device->read(x).back() == ranks);
  }
  void check_nothing_left() {
    const auto now = nccl_counts();
    BOOST_TEST(now.memories == 0);
    BOOST_TEST(now.windows == 0);
    BOOST_TEST(now.handles == 0);
    BOOST_TEST(now.freed_too_early == 0);
  }
};

}  // namespace

BOOST_FIXTURE_TEST_SUITE(memory, Memories)

BOOST_AUTO_TEST_CASE(memory_is_cut_from_pieces_and_grows_together_again) {
  memory.wanted(true);
  std::vector<std::byte*> all;
  for (const std::size_t bytes : {10'000, 4096, 1, 500'000, 700'000}) all.push_back(memory.take(bytes));
  BOOST_TEST(nccl_counts().memories == 2);
  BOOST_TEST((memory.piece_of(all[3]) == memory.piece_of(all[0])));
  BOOST_TEST((memory.piece_of(all[4]) != memory.piece_of(all[0])));
  BOOST_TEST(all[1] - all[0] == 12'288);
  BOOST_TEST(all[2] - all[1] == 4096);
  for (const int i : {1, 0, 2}) memory.give_back(all[static_cast<std::size_t>(i)]);
  std::byte* const again = memory.take(20'000);  // in the gap of three
  BOOST_TEST((again == all[0]));
  for (std::byte* const one : {again, all[3], all[4]}) memory.give_back(one);
  BOOST_TEST(memory.history() == 0U);
  check_nothing_left();
}

BOOST_AUTO_TEST_CASE(what_collectives_touch_is_a_window_until_it_is_freed) {
  {
    Backend b = open({.dp = ranks});
    Communicator &first = b.mesh->along(Axis::dp, Purpose::reduce), &second = b.mesh->along(Axis::dp, Purpose::gather);
    {
      const Buffer x = b.device->allocate(DType::f32, {1000}, Use::gradients, "x"),
                   large = b.device->allocate(DType::f32, {500'000}, Use::gradients, "large"),
                   apart = b.device->allocate(DType::f32, {500'000}, Use::states, "apart");
      for (int i = 0; i < 2; ++i) add_up(b, x, first), add_up(b, large, first);
      BOOST_TEST(nccl_counts().windows == (ranks > 1 ? 2 : 0));
      add_up(b, x, second);
      BOOST_TEST(nccl_counts().windows == (ranks > 1 ? 3 : 0));
      if (ranks > 1) BOOST_TEST(memory.registered() == std::to_string(3 * kPiece));
    }
    check_nothing_left();
    const Buffer again = b.device->allocate(DType::f32, {1000}, Use::gradients, "again");
    add_up(b, again, first);
    b.mesh.reset();  // communicators may go first
    BOOST_TEST(nccl_counts().windows == 0);
  }
  check_nothing_left();
}

BOOST_AUTO_TEST_CASE(transfers_are_registered_by_each_end) {
  if (ranks != 2) return;
  {
    Backend b = open({.pp = 2});
    const Buffer x = b.device->allocate(DType::bf16, {1000}, Use::activations, "x");
    Communicator& link = b.mesh->link(0, Purpose::forward);
    b.device->run(Fill{.to = x, .value = static_cast<double>(rank)});
    link.wait(b.device->record());
    b.device->wait(rank == 0 ? link.run(Send{.values = x, .to = 1}) : link.run(Receive{.values = x, .from = 0}));
    BOOST_TEST(b.device->read(x)[0] == 0);
    BOOST_TEST(nccl_counts().handles == 1);
    BOOST_TEST(nccl_counts().windows == 0);
  }
  check_nothing_left();
}

BOOST_AUTO_TEST_CASE(where_there_are_no_windows_memory_is_registered_by_itself) {
  if (ranks == 1) return;
  fail_nccl_with(NcclFault::no_windows);
  {
    Backend b = open({.dp = ranks});
    const Buffer x = b.device->allocate(DType::f32, {1000}, Use::gradients, "x");
    add_up(b, x, b.mesh->along(Axis::dp, Purpose::reduce));
    BOOST_TEST(nccl_counts().handles == 1);
    BOOST_TEST(memory.registered() == std::to_string(kPiece));
  }
  check_nothing_left();
}

BOOST_AUTO_TEST_CASE(where_registration_is_refused_it_goes_on_and_is_said) {
  if (ranks == 1) return;
  for (const auto& [fault, why] :
       {std::pair{NcclFault::no_registry, "0 (ncclCommRegister: an error of the stand-in)"},
        {NcclFault::no_memory, "0 (ncclMemAlloc of 1048576 bytes: an error of the stand-in)"}}) {
    NcclMemory refused(kPiece);
    fail_nccl_with(fault);
    {
      Backend b = make_nccl_backend(session, {.dp = ranks}, kLimit, refused);
      const Buffer x = b.device->allocate(DType::f32, {1000}, Use::gradients, "x");
      add_up(b, x, b.mesh->along(Axis::dp, Purpose::reduce));
    }
    BOOST_TEST(refused.registered() == why);
    meet();
    fail_nccl_with(NcclFault::none);
    check_nothing_left();
  }
}

// All ranks or none, at equal offsets: one that holds more than the others keeps all from it.
BOOST_AUTO_TEST_CASE(unlike_memory_is_not_registered) {
  if (ranks == 1) return;
  {
    Backend b = open({.dp = ranks});
    Buffer more;
    if (rank == ranks - 1) more = b.device->allocate(DType::f32, {100}, Use::buffers, "more");
    const Buffer x = b.device->allocate(DType::f32, {1000}, Use::gradients, "x");
    add_up(b, x, b.mesh->along(Axis::dp, Purpose::reduce));
    BOOST_TEST(nccl_counts().windows == 0);
    BOOST_TEST(memory.registered() == "0 (ranks of a communicator hold their memory at different places)");
  }
  check_nothing_left();
}

BOOST_AUTO_TEST_SUITE_END()
