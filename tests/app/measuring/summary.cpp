// Speed-up and efficiency as metrics.md defines them.
#include "app/measure/summary.hpp"

#include <boost/test/unit_test.hpp>

#include "app/measure/span_text.hpp"

using namespace scalebench;

namespace {

std::vector<Point> curve(std::initializer_list<std::pair<int, double>> times) {
  std::vector<Point> points;
  for (const auto& [ranks, time] : times) {
    Point& point = points.emplace_back();
    point.ranks = ranks;
    point.step_time.median = time;
  }
  return points;
}

}  // namespace

BOOST_AUTO_TEST_CASE(strong_efficiency_is_speed_up_over_the_factor_of_ranks) {
  auto points = curve({{2, 8.0}, {4, 5.0}, {8, 4.0}});
  compare_points(points, ScalingKind::strong);
  BOOST_CHECK_CLOSE(points[1].speedup, 1.6, 1e-9);
  BOOST_CHECK_CLOSE(points[1].efficiency, 0.8, 1e-9);
  BOOST_CHECK_CLOSE(points[2].efficiency, 0.5, 1e-9);
  BOOST_CHECK_EQUAL(points[0].efficiency, 1);
}

BOOST_AUTO_TEST_CASE(weak_efficiency_is_the_ratio_of_times) {
  auto points = curve({{2, 4.0}, {8, 5.0}});
  compare_points(points, ScalingKind::weak);
  BOOST_CHECK_CLOSE(points[1].efficiency, 0.8, 1e-9);
  BOOST_CHECK_CLOSE(points[1].speedup, 3.2, 1e-9);
}

BOOST_AUTO_TEST_CASE(spans_survive_their_way_between_ranks) {
  const std::vector<SpanRow> rows = {{.rank = 3,
                                      .lane = "dp_gather",
                                      .name = "all_gather",
                                      .part = "communication",
                                      .issued = 0.1,
                                      .launched = 0.2,
                                      .start = 1.0 / 3,
                                      .end = 0.5,
                                      .flops = 1e15,
                                      .bytes = 7}};
  const auto back = unpacked_spans(packed_spans(rows));
  BOOST_REQUIRE_EQUAL(back.size(), 1U);
  BOOST_CHECK_EQUAL(back[0].rank, 3);
  BOOST_CHECK_EQUAL(back[0].lane, "dp_gather");
  BOOST_CHECK_EQUAL(back[0].start, 1.0 / 3);
  BOOST_CHECK_EQUAL(back[0].flops, 1e15);
  BOOST_CHECK_EQUAL(back[0].bytes, 7);
  BOOST_CHECK(unpacked_spans("").empty());
}
