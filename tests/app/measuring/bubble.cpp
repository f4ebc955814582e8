// The bubble of a pipeline of 4 stages on a counted clock, as the formula and as counting by hand have it.
#include <algorithm>
#include <cmath>

#include <boost/test/unit_test.hpp>
#include <fmt/format.h>

#include "tests/app/measuring/counted.hpp"
#include "tests/app/measuring/ranks.hpp"
#include "tests/workloads/trained.hpp"

using namespace scalebench;
using namespace scalebench::test;

namespace {

constexpr int kStages = 4;
constexpr double kTolerance = 0.03;
constexpr double kProductsOfLayer = 4 + 8, kProductsOfHead = 1 + 2;  // forward and backward, 1 each

double every_product(const Gemm&) { return 1; }

// Stages of as many layers take the same time: what only the last one does takes none.
double products_of_layers(const Gemm& product) {
  const std::int64_t vocabulary = tiny_model().vocabulary;  // no other extent of the model is like it
  const auto sizes = {product.a.rows(), product.a.columns(), product.b.columns()};
  return std::ranges::find(sizes, vocabulary) == sizes.end() ? 1 : 0;
}

Assignment pipeline(int layers, int virtual_stages, int micro_batches) {
  Assignment a{.model = tiny_model(), .plan = find_workload("pp70b").plan(kStages, kStages), .seed = 7};
  a.model.layers = layers;
  a.plan.virtual_stages = virtual_stages;
  a.plan.sequence = 20;
  a.plan.global_batch = micro_batches;
  a.plan.dtype = DType::f32;
  a.plan.recompute = Recompute::none;
  return a;
}

// Of the step (Narayanan et al. 2021 divide by the ideal time instead).
double formula(int virtual_stages, int micro_batches) {
  return (kStages - 1.0) / (virtual_stages * micro_batches + kStages - 1.0);
}

double share_of_bubble(const Iteration& i, std::size_t rank) {
  return part(i.phases[rank], Phase::bubble) / i.samples[rank];
}

struct Fixture : Ranks {
  double clock = 0;

  Point run(const Assignment& assignment, double (*product_time)(const Gemm&)) {
    return measure(
        find_workload("pp70b"), assignment,
        counted_settings({.session = session, .control = control, .clock = clock, .product_time = product_time}));
  }
  // The marked iterations; none but on the first rank.
  std::vector<const Iteration*> marked(const Point& point) {
    const auto found = iterations_of(point, IterationKind::marked);
    BOOST_REQUIRE_EQUAL(found.size(), static_cast<std::size_t>(first() ? kMarked : 0));
    return found;
  }
};

}  // namespace

BOOST_FIXTURE_TEST_SUITE(bubble, Fixture)

BOOST_AUTO_TEST_CASE(stages_alike_show_the_bubble_of_the_formula) {
  constexpr int kLayers = 8;
  for (const int v : {1, 2})
    for (const int m : {4, 8}) {
      const Point point = run(pipeline(kLayers, v, m), products_of_layers);
      const double one = kLayers / kStages * kProductsOfLayer;  // micro-batch, through one stage and back
      const double busy = m * one, idle = (kStages - 1) * one / v;
      for (const Iteration* i : marked(point))
        for (std::size_t rank = 0; rank < kStages; ++rank) {
          BOOST_CHECK_CLOSE_FRACTION(share_of_bubble(*i, rank), formula(v, m), kTolerance);
          BOOST_CHECK_EQUAL(i->samples[rank], busy + idle);
          check(i->phases[rank], {{Phase::compute, busy}, {Phase::bubble, idle}});
        }
      if (first())
        BOOST_TEST_MESSAGE(fmt::format("virtual stages {}, micro-batches {}: bubble {} of {}, {:.4f}; formula {:.4f}",
                                       v, m, part(point.phases, Phase::bubble), point.marked_time,
                                       part(point.phases, Phase::bubble) / point.marked_time, formula(v, m)));
    }
}

// With the head, the last stage is the slowest and never waits between its micro-batches: they come to it through three
// stages forward, and the last one goes back through three. The formula knows nothing of that.
BOOST_AUTO_TEST_CASE(a_longer_last_stage_makes_another_bubble) {
  constexpr int kMicroBatches = 4;
  const Point point = run(pipeline(kStages, 1, kMicroBatches), every_product);
  const double of_others = kProductsOfLayer, of_last = kProductsOfLayer + kProductsOfHead;
  const double step = (kStages - 1) * of_others + kMicroBatches * of_last;
  for (const Iteration* i : marked(point))
    for (std::size_t rank = 0; rank < kStages; ++rank) {
      const double busy = kMicroBatches * (rank + 1 == kStages ? of_last : of_others);
      BOOST_CHECK_EQUAL(i->samples[rank], step);
      check(i->phases[rank], {{Phase::compute, busy}, {Phase::bubble, step - busy}});
      BOOST_CHECK_GT(std::abs(share_of_bubble(*i, rank) / formula(1, kMicroBatches) - 1), kTolerance);
    }
}

BOOST_AUTO_TEST_SUITE_END()
