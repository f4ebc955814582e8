// Agreement, gathering, the vote.
#include <boost/test/unit_test.hpp>
#include <fmt/format.h>

#include "collectives/control/clock_offset.hpp"
#include "collectives/control/mpi_control.hpp"
#include "tests/main_mpi.hpp"

using namespace scalebench;
using scalebench::test::test_session;

namespace {

// As if every rank were on a host of its own.
class Apart final : public Control {
 public:
  explicit Apart(Control& real) : real_(real), host_(fmt::format("host{}", real.rank())) {}
  int rank() const override { return real_.rank(); }
  int size() const override { return real_.size(); }
  int ranks_on_node() const override { return 1; }
  int rank_on_node() const override { return 0; }
  const std::string& host() const override { return host_; }
  std::vector<std::vector<double>> gather(std::span<const double> values, const Group& group) override {
    return real_.gather(values, group);
  }
  std::vector<std::string> gather(std::string_view text, const Group& group) override {
    return real_.gather(text, group);
  }
  std::vector<double> broadcast(std::span<const double> values, const Group& group) override {
    return real_.broadcast(values, group);
  }
  std::string broadcast(std::string_view text, const Group& group) override { return real_.broadcast(text, group); }
  std::vector<double> maximum(std::span<const double> values, const Group& group) override {
    return real_.maximum(values, group);
  }
  void barrier(const Group& group) override { real_.barrier(group); }

 private:
  Control& real_;
  std::string host_;
};

struct Crowd {
  MpiControl control{test_session()};
  int ranks = control.size(), rank = control.rank();
};

}  // namespace

BOOST_FIXTURE_TEST_SUITE(control_door, Crowd)

BOOST_AUTO_TEST_CASE(gather_brings_rows_of_any_length_in_the_order_of_ranks) {
  const std::vector<double> mine(static_cast<std::size_t>(rank), rank);
  const auto all = control.gather(mine, control.world());
  BOOST_CHECK_EQUAL(all.size(), rank == 0 ? static_cast<std::size_t>(ranks) : 0U);
  for (std::size_t r = 0; r < all.size(); ++r) BOOST_CHECK(all[r] == std::vector<double>(r, static_cast<double>(r)));
}

BOOST_AUTO_TEST_CASE(broadcast_reaches_every_rank_of_a_group_and_no_other) {
  const Group odd{1, ranks / 2, 2};
  if (ranks >= 2 && odd.holds(rank)) {
    BOOST_CHECK_EQUAL(control.broadcast(fmt::format("from {}", rank), odd), "from 1");
  }
  BOOST_CHECK_EQUAL(control.broadcast(std::string(100000, static_cast<char>('a' + rank)), control.world()),
                    std::string(100000, 'a'));
}

BOOST_AUTO_TEST_CASE(maximum_is_taken_element_by_element) {
  const std::vector<double> most = control.maximum(std::vector<double>{double(rank), double(-rank)}, control.world());
  BOOST_CHECK(most == (std::vector<double>{double(ranks - 1), 0.0}));
}

BOOST_AUTO_TEST_CASE(an_error_of_one_rank_is_thrown_by_all_and_names_it) {
  const int last = ranks - 1;
  const auto action = [&] {
    if (rank == last) fail(Exit::unfit, "no room");
  };
  BOOST_CHECK_EXCEPTION(control.together(action), AgreedError, [&](const AgreedError& e) {
    const std::string text = e.what();
    const bool named =
        ranks == 1 || text.find(fmt::format("[rank {} on {}", last, control.host())) != std::string::npos;
    return e.code() == Exit::unfit && text.find("no room") == 0 && named;
  });
}

BOOST_AUTO_TEST_CASE(an_error_of_everybody_is_said_once_without_a_rank) {
  BOOST_CHECK_EXCEPTION(control.together([] { fail(Exit::bad_input, "bad"); }), AgreedError,
                        [](const AgreedError& e) { return std::string(e.what()) == "bad"; });
}

BOOST_AUTO_TEST_CASE(no_error_is_no_error) {
  BOOST_CHECK_NO_THROW(control.together([] {}));
}

BOOST_AUTO_TEST_CASE(disagreement_names_two_ranks_that_differ) {
  BOOST_CHECK_NO_THROW(control.agree("it", "same", Exit::bad_input, control.world()));
  if (ranks == 1) return;
  BOOST_CHECK_EXCEPTION(control.agree("the plan", rank == 1 ? "b" : "a", Exit::bad_input, control.world()), AgreedError,
                        [](const AgreedError& e) {
                          return std::string(e.what()).find("rank 0 has 'a', rank 1 has 'b'") != std::string::npos;
                        });
}

BOOST_AUTO_TEST_CASE(ranks_of_one_host_share_its_clock) {
  const ClockOffset offset = clock_offset(test_session(), control, monotonic_seconds);
  BOOST_CHECK_EQUAL(offset.method, "shared");
  BOOST_CHECK_EQUAL(offset.seconds, 0);
}

BOOST_AUTO_TEST_CASE(clocks_of_several_hosts_are_read_as_that_of_rank_0) {
  if (ranks == 1) return;
  Apart apart(control);
  const double ahead = 1000.0 * rank;  // s, far more than an answer takes
  const ClockOffset offset = clock_offset(test_session(), apart, [&] { return monotonic_seconds() + ahead; });
  BOOST_CHECK_EQUAL(offset.method, "offset");
  BOOST_CHECK_SMALL(offset.seconds + ahead, 10.0);
}

BOOST_AUTO_TEST_CASE(groups_are_arithmetic) {
  const Group group{2, 3, 4};
  BOOST_CHECK(group.holds(2) && group.holds(6) && group.holds(10));
  BOOST_CHECK(!group.holds(0) && !group.holds(4) && !group.holds(14));
  BOOST_CHECK_EQUAL(group.member(2), 10);
  BOOST_CHECK_EQUAL(group.index_of(6), 1);
}

BOOST_AUTO_TEST_SUITE_END()
