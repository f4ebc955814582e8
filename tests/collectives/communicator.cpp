// One body for every communicator: exactly predictable sums, any element type, any size, any rank count.
#include <boost/test/unit_test.hpp>

#include "tests/collectives/tested_backend.hpp"
#include "tests/main_mpi.hpp"

using namespace scalebench;
using scalebench::test::make_tested_backend;
using scalebench::test::test_session;

namespace {

struct Crowd {
  MpiSession& session = test_session();
  int ranks = session.size(), rank = session.rank();
  Backend backend(bool overlap) const { return make_tested_backend(session, {.dp = ranks, .overlap = overlap}); }
};

// What rank r holds at element i; small integers, so that every dtype's sums are exact.
double input(std::int64_t i, int r) { return static_cast<double>((i * 3 + r * 5) % 4); }

double sum_at(std::int64_t i, int ranks) {
  double sum = 0;
  for (int r = 0; r < ranks; ++r) sum += input(i, r);
  return sum;
}

std::vector<double> values(std::int64_t count, const std::function<double(std::int64_t)>& at) {
  std::vector<double> v;
  for (std::int64_t i = 0; i < count; ++i) v.push_back(at(i));
  return v;
}

constexpr std::array<DType, 4> kTypes = {DType::f32, DType::bf16, DType::f16, DType::i32};
constexpr std::array<std::int64_t, 6> kCounts = {1, 3, 64, 1001, 70001, 300007};

void check_equal(const std::vector<double>& got, const std::vector<double>& expected) {
  BOOST_CHECK_EQUAL_COLLECTIONS(got.begin(), got.end(), expected.begin(), expected.end());
}

}  // namespace

BOOST_FIXTURE_TEST_SUITE(communicator, Crowd)

BOOST_AUTO_TEST_CASE(all_reduce_adds_up_every_rank_in_place_or_not) {
  for (const bool overlap : {false, true}) {
    Backend b = backend(overlap);
    Communicator& comm = b.mesh->along(Axis::dp, Purpose::reduce);
    for (const DType dtype : kTypes)
      for (const std::int64_t count : kCounts)
        for (const bool in_place : {false, true}) {
          const Buffer in = b.device->allocate(dtype, {count}, Use::buffers, "in"),
                       out = b.device->allocate(dtype, {count}, Use::buffers, "out");
          b.device->write(in, values(count, [&](auto i) { return input(i, rank); }));
          comm.wait(b.device->record());
          b.device->wait(comm.run(AllReduce{.input = in, .output = in_place ? in : out}));
          check_equal(b.device->read(in_place ? in : out), values(count, [&](auto i) { return sum_at(i, ranks); }));
        }
  }
}

BOOST_AUTO_TEST_CASE(all_reduce_finds_the_maximum) {
  Backend b = backend(false);
  Communicator& comm = b.mesh->along(Axis::dp, Purpose::scalars);
  for (const DType dtype : kTypes) {
    const Buffer x = b.device->allocate(dtype, {2}, Use::buffers, "x");
    b.device->write(x, std::vector<double>{static_cast<double>(rank), static_cast<double>(-rank)});
    comm.wait(b.device->record());
    b.device->wait(comm.run(AllReduce{.input = x, .output = x, .reduction = Reduction::maximum}));
    check_equal(b.device->read(x), {static_cast<double>(ranks - 1), 0.0});
  }
}

BOOST_AUTO_TEST_CASE(all_gather_puts_every_shard_in_its_place) {
  for (const bool overlap : {false, true}) {
    Backend b = backend(overlap);
    Communicator& comm = b.mesh->along(Axis::dp, Purpose::gather);
    for (const DType dtype : kTypes)
      for (const std::int64_t count : kCounts)
        for (const bool in_place : {false, true}) {
          const Buffer shard = b.device->allocate(dtype, {count}, Use::buffers, "shard"),
                       full = b.device->allocate(dtype, {count * ranks}, Use::buffers, "full");
          const Tensor mine = in_place ? full.tensor().slice(0, rank * count, count) : shard.tensor();
          b.device->write(mine, values(count, [&](auto i) { return input(i, rank); }));
          comm.wait(b.device->record());
          b.device->wait(comm.run(AllGather{.shard = mine, .full = full}));
          check_equal(b.device->read(full),
                      values(count * ranks, [&](auto i) { return input(i % count, static_cast<int>(i / count)); }));
        }
  }
}

BOOST_AUTO_TEST_CASE(reduce_scatter_gives_each_rank_its_part_of_the_sum) {
  for (const bool overlap : {false, true}) {
    Backend b = backend(overlap);
    Communicator& comm = b.mesh->along(Axis::dp, Purpose::reduce);
    for (const DType dtype : kTypes)
      for (const std::int64_t count : kCounts)
        for (const bool in_place : {false, true}) {
          if (in_place && dtype != DType::f32) continue;
          const Buffer full = b.device->allocate(dtype, {count * ranks}, Use::buffers, "full"),
                       shard = b.device->allocate(dtype, {count}, Use::buffers, "shard");
          const Tensor mine = in_place ? full.tensor().slice(0, rank * count, count) : shard.tensor();
          b.device->write(full, values(count * ranks, [&](auto i) { return input(i, rank); }));
          comm.wait(b.device->record());
          b.device->wait(comm.run(ReduceScatter{.full = full, .shard = mine}));
          check_equal(b.device->read(mine), values(count, [&](auto i) { return sum_at(i + rank * count, ranks); }));
        }
  }
}

BOOST_AUTO_TEST_CASE(broadcast_gives_all_ranks_what_the_first_one_has) {
  for (const bool overlap : {false, true}) {
    Backend b = backend(overlap);
    Communicator& comm = b.mesh->along(Axis::dp, Purpose::gather);
    for (const DType dtype : kTypes)
      for (const std::int64_t count : kCounts) {
        const Buffer whole = b.device->allocate(dtype, {count + 2}, Use::buffers, "whole");
        b.device->write(whole, values(count + 2, [&](auto i) { return input(i, rank); }));
        comm.wait(b.device->record());
        b.device->wait(comm.run(Broadcast{.values = whole.tensor().slice(0, 1, count)}));
        const auto holder = [&](std::int64_t i) { return i == 0 || i == count + 1 ? rank : 0; };  // untouched around it
        check_equal(b.device->read(whole), values(count + 2, [&](auto i) { return input(i, holder(i)); }));
      }
  }
}

// Of two axes a group is not the world: its first rank is another one.
BOOST_AUTO_TEST_CASE(broadcast_comes_from_the_first_rank_of_the_group) {
  if (ranks % 2 != 0) return;
  Backend b = make_tested_backend(session, {.dp = ranks / 2, .tp = 2, .overlap = false});
  for (const Axis axis : {Axis::tp, Axis::dp}) {
    Communicator& comm = b.mesh->along(axis, Purpose::gather);
    const Buffer x = b.device->allocate(DType::i32, {1}, Use::buffers, "x");
    b.device->write(x, std::vector<double>{static_cast<double>(100 + rank)});
    comm.wait(b.device->record());
    b.device->wait(comm.run(Broadcast{.values = x}));
    check_equal(b.device->read(x), {static_cast<double>(100 + b.mesh->group(axis).first)});
  }
}

// Messages of a pair of ranks, either way.
BOOST_AUTO_TEST_CASE(what_is_sent_is_received) {
  if (ranks % 2 != 0) return;
  Backend b = make_tested_backend(session, {.dp = ranks / 2, .pp = 2});
  Communicator& comm = b.mesh->link(0, Purpose::forward);
  const int mine = comm.group().index_of(rank);
  for (const int sender : {0, 1})
    for (const DType dtype : kTypes)
      for (const std::int64_t count : kCounts)
        for (const int message : {0, 1}) {
          const Buffer x = b.device->allocate(dtype, {count}, Use::buffers, "x");
          b.device->write(x, values(count, [&](auto i) { return input(i + message, rank); }));
          comm.wait(b.device->record());
          b.device->wait(mine == sender ? comm.run(Send{.values = x, .to = 1 - mine})
                                        : comm.run(Receive{.values = x, .from = 1 - mine}));
          const int from = comm.group().member(sender);
          check_equal(b.device->read(x), values(count, [&](auto i) { return input(i + message, from); }));
        }
}

// Jobs of two lanes run beside each other; a lane that waits for another begins behind it.
BOOST_AUTO_TEST_CASE(lanes_keep_their_order_and_wait_for_each_other) {
  Backend b = backend(true);
  Communicator &gather = b.mesh->along(Axis::dp, Purpose::gather), &reduce = b.mesh->along(Axis::dp, Purpose::reduce);
  constexpr std::int64_t kCount = 50000;
  const Buffer shard = b.device->allocate(DType::f32, {kCount}, Use::buffers, "shard");
  const Buffer full = b.device->allocate(DType::f32, {kCount * ranks}, Use::buffers, "full");
  for (int round = 0; round < 20; ++round) {
    b.device->run(Fill{.to = shard, .value = static_cast<double>(rank + round)});
    gather.wait(b.device->record());
    reduce.wait(gather.run(AllGather{.shard = shard, .full = full}));
    b.device->wait(reduce.run(AllReduce{.input = full, .output = full}));
    const auto got = b.device->read(full);
    for (const int r : {0, ranks - 1})
      BOOST_REQUIRE_EQUAL(got[static_cast<std::size_t>(r * kCount)], static_cast<double>((r + round) * ranks));
  }
}

BOOST_AUTO_TEST_CASE(the_data_check_counts_exactly_the_wrong_elements) {
  Backend b = backend(false);
  Communicator& comm = b.mesh->along(Axis::dp, Purpose::scalars);
  for (const DType dtype : kTypes)
    for (const bool maximum : {false, true}) {
      constexpr std::int64_t kCount = 5000;
      const Buffer x = b.device->allocate(dtype, {kCount}, Use::buffers, "x"),
                   wrong = b.device->allocate(DType::i32, {1}, Use::buffers, "wrong");
      b.device->run(VerifiableInput{.to = x, .rank = rank, .ranks = ranks});
      comm.wait(b.device->record());
      b.device->wait(
          comm.run(AllReduce{.input = x, .output = x, .reduction = maximum ? Reduction::maximum : Reduction::sum}));
      const CountWrong count{.values = x, .wrong = wrong, .ranks = ranks, .maximum = maximum};
      b.device->run(count);
      BOOST_CHECK_EQUAL(b.device->read(wrong)[0], 0);
      b.device->run(Fill{.to = x.tensor().slice(0, 7, 3), .value = 4097});
      b.device->run(count);
      BOOST_CHECK_EQUAL(b.device->read(wrong)[0], 3);
    }
}

BOOST_AUTO_TEST_CASE(spans_of_collectives_carry_the_bytes_on_the_wire) {
  Backend b = backend(true);
  Communicator& comm = b.mesh->along(Axis::dp, Purpose::gather);
  const Buffer shard = b.device->allocate(DType::f32, {100}, Use::buffers, "shard"),
               full = b.device->allocate(DType::f32, {100 * ranks}, Use::buffers, "full");
  b.device->run(Fill{.to = shard});
  comm.wait(b.device->record());
  b.witness->timeline().record(true);
  b.device->wait(comm.run(AllGather{.shard = shard, .full = full}));
  comm.lane().settle();
  const Span& span = b.witness->timeline().spans().front();
  BOOST_CHECK_CLOSE(span.bytes + 1, 400.0 * (ranks - 1) + 1, 1e-9);
  BOOST_CHECK_LE(span.issued, span.start + 1e-4);  // a GPU's times are no better on the host's clock
  BOOST_CHECK_LE(span.start, span.end);
}

BOOST_AUTO_TEST_SUITE_END()
