// The report's line on GPUs.
#include <boost/test/unit_test.hpp>

#include "app/report/gpu.hpp"

using namespace scalebench;

namespace {

Point watched_point() {
  using enum GpuFigure;
  Point point{.ranks = 2};
  for (const double rank : {0.0, 1.0}) {
    GpuFigures& f = point.gpu.ranks.emplace_back();
    f.fill(kUnknown);
    at(f, sm_clock_median) = 1.9e9 + rank * 1e7, at(f, sm_clock_min) = 1.2e9 + rank * 1e8;
    at(f, temperature_max) = 60 + rank, at(f, throttle_reasons) = rank == 0 ? 4 : 0x20, at(f, ecc_errors) = 0;
  }
  point.gpu.energy_per_step = 1234.5, point.gpu.throttled = 0.25;
  return point;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(gpu_text_line)

BOOST_AUTO_TEST_CASE(it_says_energy_clocks_heat_and_why_it_was_slow) {
  BOOST_TEST(gpu_text(watched_point()) ==
             "1234 J a step over all GPUs; clock 1905 MHz, at least 1200; 61 C at most; slowed in 25 % of the steps "
             "(power cap, heat (software))");
}

BOOST_AUTO_TEST_CASE(what_is_not_known_is_not_said) {
  BOOST_TEST(gpu_text(Point{}) == "");
  Point point = watched_point();
  point.gpu.energy_per_step = kUnknown, point.gpu.throttled = 0;
  for (GpuFigures& f : point.gpu.ranks) at(f, GpuFigure::sm_clock_median) = kUnknown;
  BOOST_TEST(gpu_text(point) == "61 C at most; never slowed");
  at(point.gpu.ranks[1], GpuFigure::ecc_errors) = 3;
  BOOST_TEST(gpu_text(point).ends_with("3 uncorrected memory errors on one"));
}

BOOST_AUTO_TEST_SUITE_END()
