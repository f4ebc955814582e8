#include <limits>

#include "tests/kernels/adamw.hpp"

namespace scalebench::test {

namespace {

void check_steps(Lab& lab, std::int64_t count, double clip) {
  const AdamW op = make_adamw(lab, count, clip);
  ByFormula wanted{lab.read(op.master), lab.read(op.moment1), lab.read(op.moment2)};
  for (int t = 1; t <= 3; ++t) {
    const Tensor fresh = lab.random(DType::f32, {count}, 0.1);
    lab.device().run(Convert{.from = fresh, .to = op.gradient});
    lab.device().run(Fill{.to = op.squared_norm, .value = 0});
    lab.device().run(SumOfSquares{.values = op.gradient, .total = op.squared_norm});
    lab.device().run(Advance{.counter = op.counter});
    step(wanted, op, lab.read(fresh), lab.scalar(op.squared_norm), t);
    lab.device().run(op);
    const std::string what = fmt::format("adamw P {}, clip {}, step {}", count, clip, t);
    check_close(lab.read(op.master), wanted.master, 1e-6, what + ", master");
    check_close(lab.read(op.moment1), wanted.moment1, 1e-6, what + ", moment 1");
    check_close(lab.read(op.moment2), wanted.moment2, 2e-6, what + ", moment 2");
    check_close(lab.read(op.copy), lab.read(op.master), tolerance(DType::bf16, 0), what + ", copy");
  }
}

}  // namespace

BOOST_AUTO_TEST_SUITE(optimizer)

BOOST_AUTO_TEST_CASE(adamw_follows_the_formula_with_and_without_clipping) {
  for_each_backend([](Lab& lab) {
    for (const std::int64_t count : {1, 17, 33, 1000, 40'001})
      for (const double clip : {1e-2, 1.0, std::numeric_limits<double>::infinity()}) check_steps(lab, count, clip);
  });
}

BOOST_AUTO_TEST_CASE(adamw_without_a_copy_does_the_same) {
  for_each_backend([](Lab& lab) {
    const AdamW with = make_adamw(lab, 100, 1);
    AdamW without = with;
    without.copy = {};
    without.master = lab.of(DType::f32, {100}, lab.read(with.master));
    without.moment1 = lab.of(DType::f32, {100}, Values(100, 0.0));
    without.moment2 = lab.of(DType::f32, {100}, Values(100, 0.0));
    lab.device().run(Fill{.to = with.gradient, .value = 0.5});
    lab.device().run(Fill{.to = with.squared_norm, .value = 25});
    lab.device().run(Advance{.counter = with.counter});
    lab.device().run(with);
    lab.device().run(without);
    check_close(lab.read(without.master), lab.read(with.master), 1e-7, "master");
  });
}

// A plan may cut its flat buffers anywhere.
BOOST_AUTO_TEST_CASE(parts_of_a_buffer_are_updated_as_the_whole) {
  for_each_backend([](Lab& lab) {
    const AdamW whole = make_adamw(lab, 100, 1);
    AdamW again = whole;
    for (Tensor* tensor : {&again.master, &again.moment1, &again.moment2})
      *tensor = lab.of(DType::f32, {100}, lab.read(*tensor));
    again.copy = lab.empty(DType::bf16, {100});
    lab.device().run(Fill{.to = whole.squared_norm, .value = 25});
    lab.device().run(Fill{.to = whole.gradient, .value = 0.5});
    lab.device().run(Advance{.counter = whole.counter});
    lab.device().run(whole);
    for (const auto& [first, count] : {std::pair(0, 33), std::pair(33, 50), std::pair(83, 17)}) {
      AdamW part = again;
      for (Tensor* tensor : {&part.gradient, &part.master, &part.moment1, &part.moment2, &part.copy})
        *tensor = tensor->slice(0, first, count);
      lab.device().run(part);
    }
    check_close(lab.read(again.master), lab.read(whole.master), 1e-7, "master");
    check_close(lab.read(again.moment2), lab.read(whole.moment2), 1e-7, "moment 2");
    BOOST_TEST((lab.read(again.copy) == lab.read(whole.copy)));
  });
}

BOOST_AUTO_TEST_CASE(adamw_of_a_gradient_of_0_divides_nothing_by_0) {
  for_each_backend([](Lab& lab) {
    const AdamW op = make_adamw(lab, 40, 1);
    Values wanted = lab.read(op.master);
    for (double& x : wanted) x *= 1 - 1e-3;
    for (const Tensor& zero : {op.gradient, op.squared_norm}) lab.device().run(Fill{.to = zero, .value = 0});
    lab.device().run(Advance{.counter = op.counter});
    lab.device().run(op);
    check_close(lab.read(op.master), wanted, 1e-7, "master");
  });
}

BOOST_AUTO_TEST_CASE(adamw_shows_a_norm_that_is_not_a_number) {
  for_each_backend([](Lab& lab) {
    const AdamW op = make_adamw(lab, 3, 1);
    lab.device().run(Fill{.to = op.gradient, .value = 1});
    lab.device().run(Fill{.to = op.squared_norm, .value = std::numeric_limits<double>::quiet_NaN()});
    lab.device().run(Advance{.counter = op.counter});
    lab.device().run(op);
    for (const double x : lab.read(op.master)) BOOST_TEST(std::isnan(x));
  });
}

BOOST_AUTO_TEST_CASE(sgd_follows_the_formula_with_and_without_clipping_and_a_copy) {
  for_each_backend([](Lab& lab) {
    for (const std::int64_t count : {1, 17, 1000, 40'001})
      for (const double clip : {1e-2, 1e9, std::numeric_limits<double>::infinity()})
        for (const bool copies : {false, true}) {
          Sgd op{.gradient = lab.random(DType::f32, {count}),
                 .master = lab.random(DType::f32, {count}),
                 .squared_norm = lab.of(DType::f32, {1}, {0}),
                 .learning_rate = 0.25,
                 .clip = clip};
          if (copies) op.copy = lab.empty(DType::bf16, {count});
          lab.device().run(SumOfSquares{.values = op.gradient, .total = op.squared_norm});
          const Values gradient = lab.read(op.gradient);
          const double factor = std::min(1.0, clip / (std::sqrt(lab.scalar(op.squared_norm)) + 1e-6));
          Values wanted = lab.read(op.master);
          for (std::size_t i = 0; i < wanted.size(); ++i) wanted[i] -= 0.25 * factor * gradient[i];
          lab.device().run(op);
          const std::string what = fmt::format("sgd P {}, clip {}", count, clip);
          check_close(lab.read(op.master), wanted, 1e-6, what + ", master");
          if (copies) check_close(lab.read(op.copy), wanted, tolerance(DType::bf16, 0), what + ", copy");
        }
  });
}

BOOST_AUTO_TEST_CASE(sum_of_squares_adds_to_the_total) {
  for_each_backend([](Lab& lab) {
    for (const std::int64_t count : {1, 3, 4096, 4097, 1'000'003})
      for (const std::int64_t first : {0, 1}) {  // of a buffer that others share
        const Tensor values = lab.random(DType::f32, {first + count}).slice(0, first, count);
        const Tensor total = lab.of(DType::f32, {1}, {2});
        double wanted = 2;
        for (const double x : lab.read(values)) wanted += 0.5 * x * x;
        lab.device().run(SumOfSquares{.values = values, .total = total, .weight = 0.5});
        check_close({lab.scalar(total)}, {wanted}, 1e-6, fmt::format("sum_of_squares of {}", count));
      }
  });
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace scalebench::test
