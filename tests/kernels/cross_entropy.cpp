#include <limits>

#include "tests/kernels/lab.hpp"
#include "tests/kernels/reference.hpp"

namespace scalebench::test {

namespace {

struct Case {
  std::int64_t sequences, length, vocabulary, gap;
};
constexpr Case kCases[] = {{1, 1, 1, 0},   {1, 3, 2, 0},     {2, 5, 17, 3},
                           {3, 17, 65, 0}, {2, 64, 1000, 1}, {1, 3, 20000, 0}};
constexpr double kScale = 0.25;

CrossEntropy make(Lab& lab, const Case& c, DType dtype, double deviation) {
  return {.logits = lab.random(dtype, {c.sequences * c.length, c.vocabulary}, deviation, c.gap),
          .targets = lab.ids({c.sequences, c.length}, c.vocabulary, c.gap),
          .loss = lab.of(DType::f32, {1}, {0.5}),
          .scale = kScale};
}

std::string describe(const Case& c, DType dtype) {
  return fmt::format("cross_entropy B {} T {} V {} gap {} {}", c.sequences, c.length, c.vocabulary, c.gap,
                     name_of(dtype));
}

}  // namespace

BOOST_AUTO_TEST_SUITE(cross_entropy)

BOOST_AUTO_TEST_CASE(adds_the_scaled_loss_of_all_rows) {
  for_each_backend([](Lab& lab) {
    for (const Case& c : kCases)
      for (const DType dtype : kFloats)
        for (const double deviation : {1.0, 30.0}) {
          const CrossEntropy op = make(lab, c, dtype, deviation);
          const double wanted = 0.5 + reference::cross_entropy(lab.read(op.logits), lab.read(op.targets), kScale);
          lab.device().run(op);
          check_close({lab.scalar(op.loss)}, {wanted}, 1e-6, describe(c, dtype));
        }
  });
}

BOOST_AUTO_TEST_CASE(leaves_the_gradient_by_finite_differences_in_the_logits) {
  for_each_backend([](Lab& lab) {
    for (const Case& c : {kCases[0], kCases[1], kCases[2], Case{3, 4, 33, 0}})
      for (const DType dtype : kFloats) {
        const CrossEntropy op = make(lab, c, dtype, 2);
        const Values targets = lab.read(op.targets);
        const auto loss = [&](const Values& logits) {
          return Values{reference::cross_entropy(logits, targets, kScale)};
        };
        const Values wanted = reference::differences(loss, lab.read(op.logits), {1});
        lab.device().run(op);
        check_close(lab.read(op.logits), wanted, tolerance(dtype, 2e-6), describe(c, dtype));
      }
  });
}

BOOST_AUTO_TEST_CASE(of_a_scaled_loss_has_scaled_gradients_and_the_same_loss) {
  for_each_backend([](Lab& lab) {
    for (const Case& c : kCases)
      for (const DType dtype : kFloats) {
        const CrossEntropy op = make(lab, c, dtype, 2);
        CrossEntropy scaled = op;
        scaled.logits = lab.of(dtype, {op.logits.rows(), op.logits.columns()}, lab.read(op.logits));
        scaled.loss = lab.of(DType::f32, {1}, {lab.scalar(op.loss)});
        scaled.gradient_scale = lab.of(DType::f32, {1}, {1024});
        lab.device().run(op);
        lab.device().run(scaled);
        Values wanted = lab.read(op.logits);
        for (double& x : wanted) x *= 1024;
        check_close(lab.read(scaled.logits), wanted, tolerance(dtype, 1e-6), describe(c, dtype));
        BOOST_CHECK_CLOSE(lab.scalar(scaled.loss), lab.scalar(op.loss), 1e-4);
      }
  });
}

BOOST_AUTO_TEST_CASE(of_a_row_that_is_not_finite_is_not_finite) {
  for_each_backend([](Lab& lab) {
    const double nan = std::numeric_limits<double>::quiet_NaN(), infinity = std::numeric_limits<double>::infinity();
    for (const DType dtype : kFloats)
      for (const double wrong : {nan, infinity})
        for (const std::int64_t vocabulary : {17, 64, 1000})
          for (const std::int64_t where : {std::int64_t{0}, vocabulary / 2, vocabulary - 1}) {
            const CrossEntropy op = make(lab, {1, 3, vocabulary, 0}, dtype, 1);
            lab.device().write(op.logits.slice(0, 1, 1).slice(1, where, 1), Values{wrong});
            lab.device().run(op);
            BOOST_TEST(!std::isfinite(lab.scalar(op.loss)),
                       "a logit " << wrong << " at " << where << " of " << vocabulary);
          }
  });
}

BOOST_AUTO_TEST_CASE(forbidden_tokens_of_minus_infinity_cost_nothing) {
  for_each_backend([](Lab& lab) {
    const double infinity = std::numeric_limits<double>::infinity();
    const Tensor logits = lab.of(DType::f32, {1, 3}, {0, -infinity, 0}), loss = lab.of(DType::f32, {1}, {0});
    lab.device().run(
        CrossEntropy{.logits = logits, .targets = lab.of(DType::i32, {1, 1}, {2}), .loss = loss, .scale = 1});
    check_close({lab.scalar(loss)}, {std::log(2.0)}, 1e-6, "loss");
    check_close(lab.read(logits), {0.5, 0, -0.5}, 1e-6, "gradient");
  });
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace scalebench::test
