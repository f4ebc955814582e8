#include "collectives/control/board.hpp"

#include <memory>

#include <boost/test/unit_test.hpp>
#include <unistd.h>

#include "collectives/control/mpi_control.hpp"
#include "tests/main_mpi.hpp"

using namespace scalebench;
using test::test_session;

BOOST_AUTO_TEST_SUITE(board)

BOOST_AUTO_TEST_CASE(every_rank_of_the_node_has_a_slot_that_all_see) {
  MpiControl control(test_session());
  Board board(test_session());
  BOOST_REQUIRE_EQUAL(board.all().size(), static_cast<std::size_t>(control.ranks_on_node()));
  BOOST_CHECK_EQUAL(board.mine().pid, getpid());
  board.mine().phase.set("phase " + std::to_string(control.rank()));
  board.mine().operations = static_cast<std::uint64_t>(1000 + control.rank());
  control.barrier(control.world());
  int rank = -1;
  for (const Slot& slot : board.all()) {
    BOOST_CHECK_GT(slot.rank, rank);
    rank = slot.rank;
    BOOST_CHECK_EQUAL(slot.phase.get(), "phase " + std::to_string(rank));
    BOOST_CHECK_EQUAL(slot.operations, 1000U + static_cast<unsigned>(rank));
    BOOST_CHECK_EQUAL(slot.host.get(), control.host());
  }
  BOOST_CHECK_EQUAL(board.all()[board.my_index()].rank, control.rank());
  control.barrier(control.world());
}

BOOST_AUTO_TEST_CASE(exactly_one_rank_of_the_node_speaks) {
  MpiControl control(test_session());
  Board board(test_session());
  const double mine = board.speaker().claim(control.rank()) ? 1 : 0;
  const auto claims = control.gather(std::span(&mine, 1), control.world());
  double sum = 0;
  for (const auto& claim : claims) sum += claim[0];
  if (control.rank() == 0) BOOST_CHECK_EQUAL(sum, 1);
  BOOST_CHECK_EQUAL(board.speaker().claim(control.rank()), mine == 1);  // who speaks may go on speaking
  control.barrier(control.world());
}

BOOST_AUTO_TEST_CASE(long_texts_are_cut) {
  SharedText<8> text;
  BOOST_CHECK_EQUAL(text.get(), "");
  text.set("dp_gather");
  BOOST_CHECK_EQUAL(text.get(), "dp_gathe");
  text.set("ab");
  BOOST_CHECK_EQUAL(text.get(), "ab");
}

BOOST_AUTO_TEST_SUITE_END()
