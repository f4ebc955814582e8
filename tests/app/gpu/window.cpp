// Energy, clocks and throttling of a window, from readings by hand.
#include <cmath>

#include <boost/test/unit_test.hpp>

#include "app/measure/gpu_summary.hpp"
#include "app/measure/gpu_window.hpp"

using namespace scalebench;

namespace {

GpuReading at_time(double time, double joules, std::uint64_t reasons = 0, double clock = 1e9) {
  GpuReading r{.time = time};
  r.sm_clock = clock, r.memory_clock = 2e9, r.power = 100, r.temperature = 40 + time, r.energy = joules;
  r.throttle_reasons = reasons, r.uncorrected_errors = time > 3 ? 2 : 0;
  return r;
}

double of(const GpuFigures& figures, GpuFigure figure) { return at(figures, figure); }
bool unknown(double value) { return std::isnan(value); }

}  // namespace

BOOST_AUTO_TEST_SUITE(gpu_window)

BOOST_AUTO_TEST_CASE(energy_is_the_difference_of_the_counter_next_to_the_ends_by_the_steps) {
  using enum GpuFigure;
  const std::vector readings = {at_time(0, 1000), at_time(1, 1100), at_time(2, 1350), at_time(4, 1800),
                                at_time(5, 9999)};
  const GpuFigures f = figures_of(readings, 1.5, 3.9, 10);
  BOOST_TEST(of(f, energy_per_step) == 70);
  BOOST_TEST(of(f, energy_window) == 3);
  BOOST_TEST(of(figures_of(readings, 1, 4, 7), energy_per_step) == 100);  // readings at the very ends
}

BOOST_AUTO_TEST_CASE(a_short_window_an_open_end_or_a_counter_begun_anew_has_no_energy) {
  const auto energy = [](const std::vector<GpuReading>& readings, double begin, double end, std::size_t steps = 5) {
    return of(figures_of(readings, begin, end, steps), GpuFigure::energy_per_step);
  };
  const std::vector readings = {at_time(0, 10), at_time(1.9, 20), at_time(2.1, 30)};
  BOOST_TEST(unknown(energy(readings, 0.5, 1.8)));
  BOOST_TEST(energy(readings, 0.5, 2) == 4);
  BOOST_TEST(unknown(energy(readings, 0.5, 3)));  // nobody read behind the end
  BOOST_TEST(unknown(energy(readings, -1, 2)));   // nor before the beginning
  BOOST_TEST(unknown(energy(readings, 0.5, 2, 0)));
  BOOST_TEST(unknown(energy({}, 0, 3)));
  BOOST_TEST(unknown(energy({at_time(0, 50), at_time(3, 40)}, 1, 2)));
  std::vector absent = readings;
  absent.back().energy.reset();
  BOOST_TEST(unknown(energy(absent, 0.5, 2)));
  BOOST_TEST(unknown(energy(readings, std::nan(""), std::nan(""))));
}

BOOST_AUTO_TEST_CASE(clocks_are_those_inside_and_counters_those_around) {
  using enum GpuFigure;
  const std::vector readings = {at_time(0, 0, 1, 0.1e9), at_time(1, 0, 0, 1.9e9), at_time(2, 0, 4, 1.2e9),
                                at_time(3, 0, 0x20, 1.5e9), at_time(4, 0, 8, 0.2e9)};
  const GpuFigures f = figures_of(readings, 0.5, 3.5, 1);
  BOOST_TEST(of(f, sm_clock_median) == 1.5e9);
  BOOST_TEST(of(f, sm_clock_min) == 1.2e9);
  BOOST_TEST(of(f, memory_clock_min) == 2e9);
  BOOST_TEST(of(f, throttle_reasons) == 0x24);
  BOOST_TEST(of(f, temperature_first) == 40);
  BOOST_TEST(of(f, temperature_max) == 44);
  BOOST_TEST(of(f, ecc_errors) == 2);
}

BOOST_AUTO_TEST_CASE(a_sample_has_the_readings_inside_or_else_those_around_it) {
  std::vector readings = {at_time(0, 0), at_time(1, 0, 4), at_time(2, 0, 1), at_time(3, 0)};
  BOOST_TEST(throttled(readings, 0.9, 1.1) == 1);
  BOOST_TEST(throttled(readings, 1.2, 1.4) == 1);  // between one that shows it and one that doesn't
  BOOST_TEST(throttled(readings, 1.9, 2.5) == 0);  // idle clocks are no throttling
  BOOST_TEST(throttled(readings, 2.2, 2.4) == 0);
  BOOST_TEST(throttled(readings, 1.5, 2.5) == 0);  // the reading inside counts alone
  BOOST_TEST(unknown(throttled({}, 0, 1)));
  for (GpuReading& r : readings) r.throttle_reasons.reset();
  BOOST_TEST(unknown(throttled(readings, 0, 3)));
}

BOOST_AUTO_TEST_CASE(a_gpu_that_ranks_share_is_counted_once_and_one_unknown_makes_all_unknown) {
  GpuFigures a{}, b{};
  at(a, GpuFigure::energy_per_step) = 5, at(b, GpuFigure::energy_per_step) = 7;
  BOOST_TEST(energy_of_all({a, b}, {"x 1", "x 2"}) == 12);
  BOOST_TEST(energy_of_all({a, a, b}, {"x 1", "x 1", "y 1"}) == 12);
  at(b, GpuFigure::energy_per_step) = kUnknown;
  BOOST_TEST(unknown(energy_of_all({a, b}, {"x 1", "x 2"})));
  BOOST_TEST(unknown(energy_of_all({}, {})));
}

BOOST_AUTO_TEST_CASE(the_share_is_of_counted_iterations_in_which_any_gpu_was_slowed) {
  using enum IterationKind;
  const auto iteration = [](IterationKind kind, std::vector<double> flags) {
    Iteration i{.kind = kind};
    i.throttled = std::move(flags);
    return i;
  };
  BOOST_TEST(throttled_share({iteration(warmup, {1, 1}), iteration(counted, {0, 1}), iteration(counted, {0, 0}),
                              iteration(counted, {kUnknown, 0}), iteration(counted, {kUnknown, 1}),
                              iteration(counted, {kUnknown, kUnknown}), iteration(marked, {1, 1})}) == 0.5);
  BOOST_TEST(unknown(throttled_share({iteration(counted, {}), iteration(warmup, {1})})));
}

BOOST_AUTO_TEST_SUITE_END()
