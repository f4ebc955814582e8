// Updates of parameters in fp16: of gradients that are scaled with the loss.
#include <limits>

#include "tests/kernels/adamw.hpp"

namespace scalebench::test {

BOOST_AUTO_TEST_SUITE(loss_scale)

BOOST_AUTO_TEST_CASE(copies_in_fp16_are_the_rounded_masters) {
  for_each_backend([](Lab& lab) {
    for (const std::int64_t count : {1, 17, 40'001}) {
      AdamW adamw = make_adamw(lab, count, 1);
      adamw.copy = lab.empty(DType::f16, {count});
      const Sgd sgd{.gradient = adamw.gradient,
                    .master = lab.random(DType::f32, {count}),
                    .copy = lab.empty(DType::f16, {count}),
                    .squared_norm = adamw.squared_norm,
                    .learning_rate = 0.1,
                    .clip = 1};
      lab.device().run(Fill{.to = adamw.gradient, .value = 0.5});
      lab.device().run(Fill{.to = adamw.squared_norm, .value = 25});
      lab.device().run(Advance{.counter = adamw.counter});
      lab.device().run(adamw);
      lab.device().run(sgd);
      check_close(lab.read(adamw.copy), lab.read(adamw.master), tolerance(DType::f16, 0), "adamw");
      check_close(lab.read(sgd.copy), lab.read(sgd.master), tolerance(DType::f16, 0), "sgd");
    }
  });
}

BOOST_AUTO_TEST_CASE(scaled_gradients_update_as_they_are_without_their_scale) {
  for_each_backend([](Lab& lab) {
    for (const double clip : {0.5, std::numeric_limits<double>::infinity()}) {
      const AdamW plain = make_adamw(lab, 1001, clip);
      AdamW scaled = plain;
      for (Tensor* tensor : {&scaled.master, &scaled.moment1, &scaled.moment2})
        *tensor = lab.of(DType::f32, {1001}, lab.read(*tensor));
      lab.device().write(plain.gradient, lab.read(lab.random(DType::f32, {1001}, 0.1)));
      Values large = lab.read(plain.gradient);
      for (double& x : large) x *= 4096;
      scaled.gradient = lab.of(DType::f32, {1001}, large);
      scaled.inverse_scale = lab.of(DType::f32, {1}, {1.0 / 4096});
      lab.device().run(Fill{.to = plain.squared_norm, .value = 25});
      lab.device().run(Advance{.counter = plain.counter});
      lab.device().run(plain);
      lab.device().run(scaled);
      check_close(lab.read(scaled.master), lab.read(plain.master), 1e-6, "adamw");
      check_close(lab.read(scaled.moment2), lab.read(plain.moment2), 1e-6, "moment 2");
      Sgd sgd{.gradient = plain.gradient,
              .master = lab.random(DType::f32, {1001}),
              .squared_norm = plain.squared_norm,
              .learning_rate = 0.1,
              .clip = clip};
      Sgd of_scaled = sgd;
      of_scaled.master = lab.of(DType::f32, {1001}, lab.read(sgd.master));
      of_scaled.gradient = scaled.gradient, of_scaled.inverse_scale = scaled.inverse_scale;
      lab.device().run(sgd);
      lab.device().run(of_scaled);
      check_close(lab.read(of_scaled.master), lab.read(sgd.master), 1e-6, "sgd");
    }
  });
}

BOOST_AUTO_TEST_CASE(overflown_gradients_change_nothing) {
  for_each_backend([](Lab& lab) {
    for (const double norm : {std::numeric_limits<double>::infinity(), std::numeric_limits<double>::quiet_NaN()}) {
      AdamW op = make_adamw(lab, 1001, 1);
      op.inverse_scale = lab.of(DType::f32, {1}, {0.25});
      lab.device().run(Fill{.to = op.gradient, .value = norm});
      lab.device().run(Fill{.to = op.squared_norm, .value = norm});
      lab.device().run(Advance{.counter = op.counter});
      const Sgd sgd{.gradient = op.gradient,
                    .master = lab.random(DType::f32, {1001}),
                    .copy = lab.random(DType::f16, {1001}),
                    .squared_norm = op.squared_norm,
                    .inverse_scale = op.inverse_scale,
                    .learning_rate = 0.1,
                    .clip = 1};
      std::vector<Values> before;
      const auto all = {op.master, op.moment1, op.moment2, op.copy, sgd.master, sgd.copy};
      for (const Tensor& tensor : all) before.push_back(lab.read(tensor));
      lab.device().run(op);
      lab.device().run(sgd);
      for (std::size_t i = 0; const Tensor& tensor : all) BOOST_TEST((lab.read(tensor) == before[i++]));
    }
  });
}

// As torch.amp.GradScaler: {squared norm of the scaled gradients} -> {scale of the next step, finite steps, updates}.
BOOST_AUTO_TEST_CASE(loss_scale_halves_after_an_overflow_and_doubles_after_an_interval) {
  struct Row {
    double squared_norm, scale, finite, updates;
  };
  const double nan = std::numeric_limits<double>::quiet_NaN(), infinity = std::numeric_limits<double>::infinity();
  const Row rows[] = {{64, 16, 1, 1}, {infinity, 8, 0, 1}, {nan, 4, 0, 1}, {16, 4, 1, 2}, {16, 4, 2, 3},
                      {16, 8, 0, 4},  {0, 8, 1, 5},        {64, 8, 2, 6},  {nan, 4, 0, 6}};
  for_each_backend([&](Lab& lab) {
    const UpdateLossScale op{.squared_norm = lab.of(DType::f32, {1}, {0}),
                             .scale = lab.of(DType::f32, {2}, {16, 0}),
                             .steps = lab.of(DType::i32, {2}, {0, 0}),
                             .interval = 3};
    double before = 16;
    for (const Row& row : rows) {
      lab.device().run(Fill{.to = op.squared_norm, .value = row.squared_norm});
      lab.device().run(op);
      BOOST_TEST((lab.read(op.scale) == Values{row.scale, 1 / before}));
      BOOST_TEST((lab.read(op.steps) == Values{row.finite, row.updates}));
      const double norm = lab.scalar(op.squared_norm), wanted = row.squared_norm / (before * before);
      BOOST_TEST((norm == wanted || (std::isnan(norm) && std::isnan(wanted))));
      before = row.scale;
    }
  });
}

BOOST_AUTO_TEST_CASE(loss_scale_stays_finite) {
  for_each_backend([](Lab& lab) {
    const UpdateLossScale op{.squared_norm = lab.of(DType::f32, {1}, {1}),
                             .scale = lab.of(DType::f32, {2}, {0x1p127, 0}),
                             .steps = lab.of(DType::i32, {2}, {0, 0}),
                             .interval = 1};
    lab.device().run(op);
    BOOST_TEST(lab.read(op.scale)[0] == 0x1p127);
  });
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace scalebench::test
