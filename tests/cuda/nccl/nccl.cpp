// What only communicators of NCCL's must do: come together, keep the order of the compute lane, notice what never ends.
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

constexpr double kShort = 1.5;  // s: longer than a rank may come late on a loaded machine

struct Ranks {
  Ranks() { meet(); }
  ~Ranks() {
    meet();
    fail_nccl_with(NcclFault::none);
  }
  MpiSession& session = test_session();
  mutable MpiControl control{session};
  int ranks = session.size(), rank = session.rank();
  void meet() const { control.barrier(control.world()); }
  ParallelPlan plan(bool overlap = true) const { return {.dp = ranks, .overlap = overlap}; }
};

// The error that the action ends with; it must be one.
template <class Action>
Error error_of(Action action) {
  try {
    action();
  } catch (const Error& error) {
    return error;
  }
  return Error(Exit::ok, "no error");
}

void check_error(const Error& error, Exit code, const std::vector<std::string>& words) {
  BOOST_CHECK(error.code() == code);
  for (const std::string& word : words)
    BOOST_CHECK_MESSAGE(std::string(error.what()).find(word) != std::string::npos,
                        "\"" << error.what() << "\" without \"" << word << "\"");
}

// The third of three all_reduces is the one that `fault` happens to; what the host then gets to see.
Error error_of_operation(const Ranks& at, NcclFault fault) {
  Backend b = make_nccl_backend(at.session, at.plan(), kShort);
  Communicator& comm = b.mesh->along(Axis::dp, Purpose::reduce);
  const Buffer x = b.device->allocate(DType::f32, {10}, Use::buffers, "x");
  b.device->run(Fill{.to = x, .value = 1});
  comm.wait(b.device->record());
  for (int i = 0; i < 2; ++i) b.device->wait(comm.run(AllReduce{.input = x, .output = x}));
  BOOST_CHECK_EQUAL(b.device->read(x)[0], at.ranks * at.ranks);
  at.meet();
  fail_nccl_with(fault);
  comm.wait(b.device->record());
  b.device->wait(comm.run(AllReduce{.input = x, .output = x}));
  return error_of([&] { b.device->read(x); });
}

}  // namespace

BOOST_FIXTURE_TEST_SUITE(nccl, Ranks)

BOOST_AUTO_TEST_CASE(a_group_meets_once_and_is_split_then) {
  const auto before = nccl_counts();
  {
    Backend b = make_nccl_backend(session, plan());
    for (const Purpose purpose : {Purpose::gather, Purpose::reduce, Purpose::scalars})
      b.mesh->along(Axis::dp, purpose), b.mesh->along(Axis::tp, purpose);
    BOOST_CHECK_EQUAL(nccl_counts().made - before.made, ranks > 1 ? 1 : 0);
    BOOST_CHECK_EQUAL(nccl_counts().split - before.split, ranks > 1 ? 3 : 0);
  }
  BOOST_CHECK_EQUAL(nccl_counts().alive, 0);
  BOOST_CHECK_EQUAL(nccl_counts().aborted, before.aborted);
}

BOOST_AUTO_TEST_CASE(other_versions_are_an_error_on_all_ranks) {
  if (ranks == 1) return;
  if (rank == ranks - 1) fail_nccl_with(NcclFault::other_version);
  Backend b = make_nccl_backend(session, plan());
  const Error error = error_of([&] { b.mesh->along(Axis::dp, Purpose::reduce); });
  check_error(error, Exit::unfit, {"2.28.9 on rank 0", fmt::format("2.23.4 on rank {}", ranks - 1)});
}

BOOST_AUTO_TEST_CASE(a_rank_that_does_not_come_is_named) {
  if (ranks == 1 || rank == ranks - 1) return;
  Backend b = make_nccl_backend(session, plan(), kShort);
  const Error error = error_of([&] { b.mesh->along(Axis::dp, Purpose::reduce); });
  const int missed = rank == 0 ? ranks - 1 : 0;
  check_error(error, Exit::timeout, {fmt::format("no answer from rank {} ", missed), "dp_reduce"});
}

BOOST_AUTO_TEST_CASE(a_communicator_that_is_never_made_is_given_up) {
  if (ranks == 1) return;
  fail_nccl_with(NcclFault::lonely);
  {
    Backend b = make_nccl_backend(session, plan(), kShort);
    const Error error = error_of([&] { b.mesh->along(Axis::dp, Purpose::reduce); });
    check_error(error, Exit::timeout, {fmt::format("rank {} (", rank), "dp_reduce", "ncclCommInitRankConfig", "1.5 s"});
  }
  BOOST_CHECK_EQUAL(nccl_counts().alive, 0);
}

BOOST_AUTO_TEST_CASE(a_split_that_never_ends_is_given_up) {
  if (ranks == 1) return;
  {
    Backend b = make_nccl_backend(session, plan(), kShort);
    b.mesh->along(Axis::dp, Purpose::reduce);
    fail_nccl_with(NcclFault::lonely);
    const Error error = error_of([&] { b.mesh->along(Axis::dp, Purpose::gather); });
    check_error(error, Exit::timeout, {"ncclCommSplit", "dp_gather"});
    fail_nccl_with(NcclFault::none);
    check_error(error_of([&] { b.mesh->along(Axis::dp, Purpose::gather); }), Exit::unfit, {"ncclCommSplit"});
  }
  BOOST_CHECK_EQUAL(nccl_counts().alive, 0);
}

BOOST_AUTO_TEST_CASE(a_lost_rank_ends_the_wait) {
  if (ranks == 1) return;
  const double began = monotonic_seconds();
  const Error error = error_of_operation(*this, NcclFault::lost);
  check_error(error, Exit::peer_lost,
              {fmt::format("rank {} (", rank), "dp_reduce", "all_reduce number 3 of 40 bytes", "remote process exited",
               "last words"});
  BOOST_CHECK_LT(monotonic_seconds() - began, 60);
  BOOST_CHECK_EQUAL(nccl_counts().alive, 0);
}

BOOST_AUTO_TEST_CASE(an_operation_that_never_ends_is_given_up) {
  if (ranks == 1) return;
  const auto before = nccl_counts();
  const Error error = error_of_operation(*this, NcclFault::unanswered);
  check_error(error, Exit::timeout, {fmt::format("rank {} (", rank), "dp_reduce", "all_reduce number 3 of 40 bytes"});
  BOOST_CHECK_EQUAL(nccl_counts().alive, 0);
  BOOST_CHECK_GE(nccl_counts().aborted, before.aborted + 2);
}

BOOST_AUTO_TEST_CASE(an_abort_that_hangs_does_not_keep_the_error_back) {
  if (ranks == 1) return;
  const double began = monotonic_seconds();
  const Error error = error_of_operation(*this, NcclFault::stuck_abort);
  check_error(error, Exit::timeout, {"all_reduce number 3"});
  BOOST_CHECK_LT(monotonic_seconds() - began, 60);
}

// A compute lane that takes turns with a communicator stands behind its operation, without a wait of the workload's.
BOOST_AUTO_TEST_CASE(without_overlap_the_compute_lane_goes_on_after_an_operation) {
  if (ranks == 1) return;
  for (const bool overlap : {false, true}) {
    Backend b = make_nccl_backend(session, plan(overlap), kShort);
    Communicator& comm = b.mesh->along(Axis::dp, Purpose::reduce);
    const Buffer x = b.device->allocate(DType::f32, {10}, Use::buffers, "x"),
                 y = b.device->allocate(DType::f32, {10}, Use::buffers, "y");
    b.device->run(Fill{.to = x, .value = 1});
    b.device->run(Fill{.to = y, .value = 2});
    comm.wait(b.device->record());
    fail_nccl_with(NcclFault::unanswered);
    const Event event = comm.run(AllReduce{.input = x, .output = x});
    const Error seen = error_of([&] { b.device->read(y); });
    BOOST_CHECK(seen.code() == (overlap ? Exit::ok : Exit::timeout));
    if (overlap) check_error(error_of([&] { comm.lane().reach(event); }), Exit::timeout, {"all_reduce number 1"});
    fail_nccl_with(NcclFault::none);
    b.device->wait(event);
  }
}

// The points within a graph tell nothing to the host.
BOOST_AUTO_TEST_CASE(an_operation_of_a_repeated_step_that_never_ends_is_given_up) {
  if (ranks == 1) return;
  Backend b = make_nccl_backend(session, plan(), kShort);
  Communicator& comm = b.mesh->along(Axis::dp, Purpose::reduce);
  const Buffer x = b.device->allocate(DType::f32, {10}, Use::buffers, "x");
  b.device->run(Fill{.to = x, .value = 0});
  b.witness->check_waits(false);
  const auto repeat = [&] {
    b.device->repeat("step", [&] {
      comm.wait(b.device->record());
      for (int i = 0; i < 2; ++i) comm.run(AllReduce{.input = x, .output = x});
      b.device->wait(comm.record());
    });
  };
  for (int i = 0; i < 3; ++i) repeat();
  BOOST_CHECK_EQUAL(b.device->read(x)[0], 0);
  meet();
  const auto held = shim::hold(dynamic_cast<CudaLane&>(comm.lane()).stream());
  repeat();
  const Error error = error_of([&] { b.device->read(x); });
  *held = false;
  check_error(error, Exit::timeout,
              {fmt::format("rank {} (", rank), "dp_reduce", "all_reduce number 3 of 40 bytes or another up to ",
               "all_reduce number 4, in a step repeated as a graph"});
}

BOOST_AUTO_TEST_CASE(a_muted_communicator_leaves_everything_as_it_is) {
  Backend b = make_nccl_backend(session, plan());
  Communicator& comm = b.mesh->along(Axis::dp, Purpose::reduce);
  const Buffer x = b.device->allocate(DType::f32, {10}, Use::buffers, "x");
  b.device->run(Fill{.to = x, .value = 1});
  comm.wait(b.device->record());
  comm.mute(true);
  b.device->wait(comm.run(AllReduce{.input = x, .output = x}));
  BOOST_CHECK_EQUAL(b.device->read(x)[0], 1);
}

BOOST_AUTO_TEST_SUITE_END()
