// The shapes in which steps are repeated, and the rows that fill them up.
#include "workloads/blocks/decode_buckets.hpp"

#include <algorithm>

#include <boost/test/unit_test.hpp>

using namespace scalebench;

namespace {

std::vector<std::int64_t> rows_up_to(std::int64_t sequences) {
  std::vector<std::int64_t> rows;
  for (const DecodeBucket& bucket : DecodeBuckets(sequences, 1).all()) rows.push_back(bucket.rows);
  return rows;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(decode_buckets)

BOOST_AUTO_TEST_CASE(the_largest_is_the_batch_itself) {
  using Rows = std::vector<std::int64_t>;
  BOOST_CHECK(rows_up_to(1) == Rows({1}));
  BOOST_CHECK(rows_up_to(3) == Rows({1, 2, 3}));
  BOOST_CHECK(rows_up_to(30) == Rows({1, 2, 4, 8, 16, 24, 30}));
  const Rows many = rows_up_to(300);
  BOOST_CHECK(Rows(many.end() - 5, many.end()) == Rows({248, 256, 272, 288, 300}));
}

BOOST_AUTO_TEST_CASE(tables_are_as_wide_as_a_power_of_two_or_the_longest) {
  std::vector<std::int64_t> widths;
  for (const DecodeBucket& bucket : DecodeBuckets(1, 300).all()) widths.push_back(bucket.width);
  BOOST_CHECK(widths == std::vector<std::int64_t>({64, 128, 256, 300}));
}

BOOST_AUTO_TEST_CASE(every_batch_has_its_bucket_among_all) {
  const DecodeBuckets buckets(290, 700);
  const std::vector<DecodeBucket> all = buckets.all();
  for (std::int64_t rows = 1; rows <= 290; ++rows)
    for (const std::int64_t width : {1, 63, 64, 65, 512, 513, 700}) {
      const DecodeBucket bucket = buckets.of(rows, width);
      BOOST_REQUIRE(bucket.rows >= rows && bucket.width >= width);
      BOOST_REQUIRE(std::ranges::find(all, bucket) != all.end());
    }
}

BOOST_AUTO_TEST_CASE(rows_that_fill_up_see_nothing_and_store_nothing) {
  const Batch batch{.given = {5, 0},
                    .origins = {-1, 1},
                    .positions = {17, 3},
                    .slots = {33, 67},
                    .starts = {0, 1, 2},
                    .lengths = {18, 4},
                    .draw_rows = {0, 1},
                    .draw_requests = {8, 9},
                    .draw_positions = {18, 4},
                    .blocks = {1, 2, 4, 0},
                    .table_width = 2};
  BOOST_REQUIRE(batch.only_decodes());
  using Ids = std::vector<std::int32_t>;
  const Batch all = filled_up(batch, {.rows = 4, .width = 3});
  BOOST_CHECK(all.given == Ids({5, 0, 0, 0}));
  BOOST_CHECK(all.origins == Ids({-1, 1, -1, -1}));
  BOOST_CHECK(all.positions == Ids({17, 3, 0, 0}));
  BOOST_CHECK(all.slots == Ids({33, 67, -1, -1}));
  BOOST_CHECK(all.starts == Ids({0, 1, 2, 2, 2}));
  BOOST_CHECK(all.lengths == Ids({18, 4, 0, 0}));
  BOOST_CHECK(all.draw_rows == Ids({0, 1, 2, 3}));
  BOOST_CHECK(all.draw_requests == Ids({8, 9, 0, 0}));
  BOOST_CHECK(all.draw_positions == Ids({18, 4, 0, 0}));
  BOOST_CHECK(all.blocks == Ids({1, 2, 0, 4, 0, 0, 0, 0, 0, 0, 0, 0}));
  BOOST_CHECK_EQUAL(all.table_width, 3);
  BOOST_CHECK_EQUAL(filled_up({}, {.rows = 4, .width = 3}).rows(), 4);
}

BOOST_AUTO_TEST_SUITE_END()
