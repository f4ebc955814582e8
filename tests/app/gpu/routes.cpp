// What is said, warned of and refused, given what NCCL uses; and how the ranks put it together.
#include "app/gpu/routes.hpp"

#include <boost/test/unit_test.hpp>

#include "collectives/control/mpi_control.hpp"
#include "tests/main_mpi.hpp"

using namespace scalebench;
using scalebench::test::test_session;

namespace {

using Names = std::vector<std::string>;

Routes routes(int nodes, Names transports) { return {nodes, {.transports = std::move(transports)}}; }

void check_warned(const Routes& routes, const Names& words) {
  const Names warnings = warnings_of(routes);
  BOOST_TEST_CONTEXT(text_of_transports(routes) << " on " << routes.nodes) {
    BOOST_REQUIRE_EQUAL(warnings.size(), words.size());
    for (std::size_t i = 0; i < words.size(); ++i)
      BOOST_TEST(warnings[i].find(words[i]) != std::string::npos, warnings[i]);
  }
}

void check_refused(const std::string& wanted, const Routes& routes, const std::string& word) {
  const auto error = obstacle(wanted, routes);
  BOOST_TEST_CONTEXT(wanted << " of " << text_of_transports(routes) << " on " << routes.nodes) {
    BOOST_REQUIRE(error.has_value() == !word.empty());
    if (!error) return;
    BOOST_TEST((error->code() == Exit::unfit));
    BOOST_TEST(std::string(error->what()).find(word) != std::string::npos, error->what());
  }
}

}  // namespace

BOOST_AUTO_TEST_SUITE(routes_)

BOOST_AUTO_TEST_CASE(slow_ways_are_warned_of) {
  check_warned(routes(1, {}), {});
  check_warned(routes(1, {"nvlink"}), {});
  check_warned(routes(1, {"pcie"}), {});
  check_warned(routes(2, {"nvlink", "ib"}), {});
  check_warned(routes(2, {"nvlink", "aws libfabric"}), {});
  check_warned(routes(2, {"nvlink", "socket"}), {"sockets between nodes"});
  check_warned(routes(2, {"shm", "socket"}), {"the host's memory within nodes", "sockets between nodes"});
  check_warned(routes(1, {"nvlink", "shm"}), {"the host's memory"});
  check_warned(routes(1, {"socket"}), {"(socket) within one node"});
  check_warned(routes(1, {"ib"}), {"(ib) within one node"});
}

BOOST_AUTO_TEST_CASE(another_transport_is_refused) {
  check_refused("nvlink", routes(1, {"nvlink"}), "");
  check_refused("nvlink", routes(1, {}), "");
  check_refused("nvlink", routes(1, {"nvlink", "shm"}), "shm is used");
  check_refused("nvlink", routes(1, {"p2p"}), "p2p is used");
  check_refused("nvlink", routes(1, {"ib"}), "ib is used");
  check_refused("ib", routes(1, {"nvlink"}), "nvlink is used");
  check_refused("socket", routes(1, {"socket"}), "");
  check_refused("shm", routes(1, {"pcie"}), "pcie is used");
}

BOOST_AUTO_TEST_CASE(on_several_nodes_it_is_asked_within_or_between_them) {
  check_refused("nvlink", routes(2, {"nvlink", "ib"}), "");
  check_refused("nvlink", routes(2, {"nvlink", "socket"}), "");
  check_refused("nvlink", routes(2, {"nvlink", "pcie", "ib"}), "pcie is used (NCCL chose nvlink,pcie,ib)");
  check_refused("ib", routes(2, {"nvlink", "ib"}), "");
  check_refused("ib", routes(2, {"nvlink", "ib", "socket"}), "socket is used");
  check_refused("ib", routes(2, {"nvlink", "aws libfabric"}), "aws libfabric is used");
  check_refused("pcie", routes(2, {"nvlink", "ib"}), "nvlink is used");
}

BOOST_AUTO_TEST_CASE(what_connects_nobody_is_not_there) {
  const auto refused = [](const std::string& wanted, Names transports) {
    return absence(wanted, routes(2, std::move(transports))).has_value();
  };
  BOOST_TEST(refused("nvlink", {"ib"}));
  BOOST_TEST(refused("ib", {"nvlink"}));
  BOOST_TEST(!refused("ib", {"nvlink", "ib"}));
  BOOST_TEST(!refused("nvlink", {}));  // of one rank
}

BOOST_AUTO_TEST_CASE(what_is_unknown_is_not_what_was_asked_for) {
  Routes unknown = routes(1, {});
  unknown.use.unreadable = "NCCL_DEBUG=WARN";
  BOOST_TEST(text_of_transports(unknown) == "unknown (NCCL_DEBUG=WARN)");
  check_refused("nvlink", unknown, "NCCL_DEBUG=WARN");
}

BOOST_AUTO_TEST_CASE(the_ranks_put_it_together) {
  MpiControl control(test_session());
  const int rank = control.rank(), last = control.size() - 1;
  NcclUse mine{.transports = {"nvlink"}, .operations = {"AllReduce 1024 RING LL 2 7"}};
  if (rank == last) {
    mine.transports.emplace_back("socket");
    mine.unreadable = "of the last";
    mine.operations = {"AllReduce 1024 RING LL 2 9", "Send 8 - - 1 1"};
  } else if (rank == 1) {
    mine.transports = {"shm"};
  }
  const Routes all = routes_of(mine, 2, control);
  const Names transports = last == 2 ? Names{"nvlink", "shm", "socket"} : Names{"nvlink", "socket"};
  BOOST_TEST(all.use.transports == transports, boost::test_tools::per_element());
  BOOST_TEST((all.nodes == 2 && all.use.unreadable == "of the last"));
  const Names operations = rank == 0 ? Names{"AllReduce 1024 RING LL 2 9", "Send 8 - - 1 1"} : Names{};
  BOOST_TEST(all.use.operations == operations, boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(a_rank_that_did_nothing_says_nothing) {
  MpiControl control(test_session());
  const Routes all = routes_of({}, 1, control);
  BOOST_TEST((all.use.transports.empty() && all.use.unreadable.empty() && all.use.operations.empty()));
  BOOST_TEST(text_of_transports(all).empty());
}

BOOST_AUTO_TEST_SUITE_END()
