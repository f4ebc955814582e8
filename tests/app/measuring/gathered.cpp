// The figures of a point, from what two ranks bring by hand.
#include <boost/test/unit_test.hpp>

#include "app/measure/summary.hpp"
#include "tests/app/measuring/ranks.hpp"
#include "tests/workloads/trained.hpp"

using namespace scalebench;
using namespace scalebench::test;

namespace {

Phases phases_of(double compute, double exposed) {
  Phases phases{};
  phases[static_cast<std::size_t>(Phase::compute)] = compute;
  phases[static_cast<std::size_t>(Phase::exposed)] = exposed;
  return phases;
}

struct Hands : Ranks {
  double of(double first_rank, double second_rank) const { return first() ? first_rank : second_rank; }
  LocalIteration iteration(IterationKind kind, double seconds, Phases phases = {}) {
    return {.index = next_++, .kind = kind, .seconds = seconds, .phases = phases};
  }
  PointSamples samples() {
    return {.group = control.world(), .expected = {.flops = 8e9}, .peak = of(10e9, 30e9), .wrong = of(2, 3)};
  }
  Job job_of(WorkloadKind kind, const Assignment& assignment) {
    Job job;
    job.workload.kind = kind;
    job.points = {{.ranks = control.size(), .assignment = assignment}};
    return job;
  }

 private:
  std::int64_t next_ = 0;
};

Assignment tiny() { return {.model = tiny_model(), .plan = {.dp = 2, .global_batch = 4, .sequence = 20}}; }

// The counter grows by 100 W on the first rank's GPU and by 300 W on the second's, which is slowed from 101.9 s on.
GpuSamples watched(bool first) {
  GpuSamples samples{.gpu = first ? "host GPU-0" : "host GPU-1"};
  for (int second = 100; second <= 105; ++second) {
    GpuReading reading{.time = second - 0.1};
    reading.energy = (first ? 100.0 : 300.0) * second;
    reading.throttle_reasons = !first && second >= 102 ? 4 : 1;
    samples.readings.push_back(reading);
  }
  return samples;
}

}  // namespace

BOOST_FIXTURE_TEST_SUITE(gathered, Hands)

BOOST_AUTO_TEST_CASE(rates_are_summed_work_over_summed_time_of_the_slower_rank) {
  using enum IterationKind;
  const Assignment a = tiny();
  PointSamples mine = samples();
  mine.iterations = {iteration(warmup, 100), iteration(counted, of(1, 2)), iteration(counted, of(2, 1)),
                     iteration(counted, of(3, 8))};
  const Point point = gather_point(job_of(WorkloadKind::training, a), 0, mine, control);
  if (!first()) return;
  const double tokens = 4 * 20, step = (2 + 2 + 8) / 3.0, peak = 20e9;
  BOOST_CHECK_EQUAL(point.step_time.median, 2);
  BOOST_CHECK_EQUAL(point.step_time.mean, step);
  BOOST_CHECK_EQUAL(point.iterations.front().index, -1);
  BOOST_CHECK_CLOSE(point.tokens_per_second, tokens / step, 1e-12);
  BOOST_CHECK_EQUAL(point.peak_measured, peak);
  BOOST_CHECK_CLOSE(point.mfu, training_flops_per_token(a.model, 20).megatron * tokens / 2 / step / peak, 1e-12);
  BOOST_CHECK_CLOSE(point.hfu, 8e9 / step / peak, 1e-12);
}

BOOST_AUTO_TEST_CASE(each_precision_counts_against_its_own_peak) {
  Assignment a = tiny();
  a.plan.products = Products::tf32;
  PointSamples mine = samples();
  mine.expected.flops_in_products = 6e9, mine.peak_of_products = of(30e9, 50e9);
  mine.iterations = {iteration(IterationKind::counted, 2)};
  mine.peak_datasheet = 60e9, mine.peak_of_products_datasheet = 120e9;
  const Point point = gather_point(job_of(WorkloadKind::training, a), 0, mine, control);
  if (!first()) return;
  const double all = training_flops_per_token(a.model, 20).megatron;
  const double products = 6 * (3 * (2 * 36 * 144 + 2 * 36 * 72 + 3 * 36 * 60) + 67 * 36);
  BOOST_CHECK_CLOSE(point.share_in_products, products / all, 1e-12);
  BOOST_CHECK_EQUAL(point.peak_of_products, 40e9);
  BOOST_CHECK_CLOSE(point.mfu, ((all - products) / 20e9 + products / 40e9) * 4 * 20 / 2 / 2, 1e-12);
  BOOST_CHECK_CLOSE(point.mfu_datasheet, ((all - products) / 60e9 + products / 120e9) * 4 * 20 / 2 / 2, 1e-12);
  BOOST_CHECK_EQUAL(point.peak_datasheet, 60e9);
  BOOST_CHECK_CLOSE(point.hfu, (2e9 / 20e9 + 6e9 / 40e9) / 2, 1e-12);
}

BOOST_AUTO_TEST_CASE(parts_are_those_of_the_rank_that_ended_the_step) {
  using enum IterationKind;
  PointSamples mine = samples();
  mine.iterations = {iteration(counted, of(4, 5)),
                     iteration(marked, of(6, 9), first() ? phases_of(5, 1) : phases_of(7, 2)),
                     iteration(marked, of(8, 3), first() ? phases_of(6, 2) : phases_of(2, 1)),
                     iteration(muted, of(3, 4), phases_of(of(3, 4), 0))};
  const Point point = gather_point(job_of(WorkloadKind::training, tiny()), 0, mine, control);
  if (!first()) return;
  BOOST_CHECK_EQUAL(point.marked_time, 8.5);
  BOOST_CHECK_EQUAL(point.muted_time, 4);
  BOOST_CHECK_EQUAL(point.unmuted_less_muted, 5 - 4);  // of the counted ones
  BOOST_CHECK_EQUAL(part(point.phases, Phase::compute), (4 + 3) / 2.0);
  BOOST_CHECK_EQUAL(part(point.phases, Phase::interference), ((7 - 4) + (6 - 3)) / 2.0);
  BOOST_CHECK_EQUAL(part(point.phases, Phase::exposed), 2);
}

BOOST_AUTO_TEST_CASE(a_collective_takes_the_mean_over_ranks_and_its_wrong_elements_are_summed) {
  using enum IterationKind;
  PointSamples mine = samples();
  mine.bus_factor = 1.5;
  mine.iterations = {iteration(warmup, 100), iteration(counted, of(1, 3)), iteration(counted, of(2, 4))};
  const Point point = gather_point(job_of(WorkloadKind::collective, {.transfer = {.bytes = 1000}}), 0, mine, control);
  if (!first()) return;
  BOOST_CHECK_EQUAL(point.time, 2.5);
  BOOST_CHECK_EQUAL(point.algbw, 400);
  BOOST_CHECK_EQUAL(point.busbw, 600);
  BOOST_CHECK_EQUAL(point.wrong, 5);
  BOOST_CHECK(!point.gpu.present());  // on the CPU
}

BOOST_AUTO_TEST_CASE(energy_is_summed_over_gpus_and_slowed_samples_are_marked) {
  using enum IterationKind;
  PointSamples mine = samples();
  mine.iterations = {iteration(warmup, 1), iteration(counted, 1), iteration(counted, 1), iteration(counted, 1)};
  for (std::size_t i = 0; i < 4; ++i) mine.iterations[i].begin = 100.0 + static_cast<double>(i);
  mine.gpu = watched(first());
  const Point point = gather_point(job_of(WorkloadKind::training, tiny()), 0, mine, control);
  if (!first()) return;
  BOOST_CHECK_EQUAL(point.gpu.ranks.size(), 2);
  BOOST_CHECK_CLOSE(at(point.gpu.ranks[0], GpuFigure::energy_per_step), 100.0 * 4 / 3, 1e-9);  // of 100.9 .. 104.9
  BOOST_CHECK_CLOSE(point.gpu.energy_per_step, 400.0 * 4 / 3, 1e-9);
  BOOST_CHECK_EQUAL(point.iterations[0].throttled[1], 0);
  BOOST_CHECK_EQUAL(point.iterations[1].throttled[0], 0);
  BOOST_CHECK_EQUAL(point.iterations[1].throttled[1], 1);
  BOOST_CHECK_EQUAL(point.gpu.throttled, 1);
}

BOOST_AUTO_TEST_CASE(gpus_without_readings_leave_no_trace) {
  PointSamples mine = samples();
  mine.iterations = {iteration(IterationKind::counted, 1)};
  mine.gpu = GpuSamples{.gpu = "host GPU-0"};
  const Point point = gather_point(job_of(WorkloadKind::training, tiny()), 0, mine, control);
  BOOST_CHECK(!point.gpu.present());
  if (first()) BOOST_CHECK(point.iterations[0].throttled.empty());
}

BOOST_AUTO_TEST_SUITE_END()
