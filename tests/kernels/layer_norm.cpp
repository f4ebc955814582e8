#include "tests/kernels/lab.hpp"
#include "tests/kernels/reference.hpp"

namespace scalebench::test {

namespace {

struct Case {
  std::int64_t rows, width, gap;
};
constexpr Case kCases[] = {{1, 1, 0},     {1, 17, 0},   {3, 33, 5},   {5, 64, 0},    {65, 80, 3},
                           {129, 257, 0}, {1, 1000, 0}, {3, 6000, 8}, {2, 20000, 0}, {70, 512, 0}};
constexpr double kEpsilon = 1e-3;  // large, so that leaving it out would show

std::string describe(const Case& c, DType dtype) {
  return fmt::format("layer_norm N {} H {} gap {} {}", c.rows, c.width, c.gap, name_of(dtype));
}

// Rows whose mean is far above their deviation.
Tensor raised(Lab& lab, const Case& c, DType dtype) {
  const Tensor tensor = lab.random(dtype, {c.rows, c.width}, 0.1, c.gap);
  Values values = lab.read(tensor);
  for (double& value : values) value += 1;
  lab.device().write(tensor, values);
  return tensor;
}

LayerNorm make(Lab& lab, const Case& c, DType dtype) {
  return {.input = raised(lab, c, dtype),
          .weight = lab.random(dtype, {c.width}),
          .bias = lab.random(dtype, {c.width}),
          .output = lab.empty(dtype, {c.rows, c.width}, c.gap),
          .mean = lab.empty(DType::f32, {c.rows}),
          .reciprocal = lab.empty(DType::f32, {c.rows}),
          .epsilon = kEpsilon};
}

Values normed(Lab& lab, const LayerNorm& op, const Tensor& input) {
  return reference::layer_norm(lab.read(input), lab.read(op.weight), lab.read(op.bias), kEpsilon);
}

// Of sum(d_output * output) in each operand.
struct Gradients {
  Values input, weight, bias;
};

Gradients differentiate(Lab& lab, const LayerNorm& op, const Values& d_output) {
  const Values input = lab.read(op.input), weight = lab.read(op.weight), bias = lab.read(op.bias);
  using reference::differences, reference::layer_norm;
  return {
      differences([&](const Values& x) { return layer_norm(x, weight, bias, kEpsilon); }, input, d_output),
      differences([&](const Values& w) { return layer_norm(input, w, bias, kEpsilon); }, weight, d_output),
      differences([&](const Values& b) { return layer_norm(input, weight, b, kEpsilon); }, bias, d_output),
  };
}

void add(const Values& values, Values& to) {
  for (std::size_t i = 0; i < to.size(); ++i) to[i] += values[i];
}

}  // namespace

BOOST_AUTO_TEST_SUITE(layer_norm)

BOOST_AUTO_TEST_CASE(scales_rows_to_a_mean_of_0_and_a_variance_of_1) {
  for_each_backend([](Lab& lab) {
    for (const Case& c : kCases)
      for (const DType dtype : kFloats) {
        const LayerNorm op = make(lab, c, dtype);
        lab.device().run(op);
        check_close(lab.read(op.output), normed(lab, op, op.input), tolerance(dtype, 1e-5), describe(c, dtype));
      }
  });
}

BOOST_AUTO_TEST_CASE(with_a_branch_norms_the_sum_and_keeps_it) {
  for_each_backend([](Lab& lab) {
    for (const Case& c : kCases)
      for (const DType dtype : kFloats) {
        LayerNorm op = make(lab, c, dtype);
        op.branch = lab.random(dtype, {c.rows, c.width}, 0.1, c.gap);
        op.sum = lab.empty(dtype, {c.rows, c.width}, c.gap);
        Values sum = lab.read(op.input);
        add(lab.read(op.branch), sum);
        lab.device().run(op);
        check_close(lab.read(op.sum), sum, tolerance(dtype, 1e-7), describe(c, dtype) + ", sum");
        check_close(lab.read(op.output), normed(lab, op, op.sum), tolerance(dtype, 1e-5),
                    describe(c, dtype) + ", output");
      }
  });
}

BOOST_AUTO_TEST_CASE(keeps_its_digits_where_the_mean_is_far_above_the_deviation) {
  for_each_backend([](Lab& lab) {
    LayerNorm op = make(lab, {7, 200, 0}, DType::f32);
    Values far = lab.read(op.input);
    for (double& x : far) x += 1000;
    lab.device().write(op.input, far);
    lab.device().run(op);
    check_close(lab.read(op.output), normed(lab, op, op.input), 2e-3, "output");  // the mean alone is off by 1e-4
  });
}

BOOST_AUTO_TEST_CASE(backward_is_the_gradient_by_finite_differences) {
  for_each_backend([](Lab& lab) {
    for (const Case& c : {Case{1, 1, 0}, Case{3, 17, 2}, Case{17, 33, 0}, Case{70, 5, 1}, Case{19, 40, 0}})
      for (const DType dtype : kFloats)
        for (const bool accumulate : {false, true}) {
          const LayerNorm op = make(lab, c, dtype);
          lab.device().run(op);
          const Tensor d_output = lab.random(dtype, {c.rows, c.width}, 1, c.gap);
          const Tensor d_input = lab.random(dtype, {c.rows, c.width}, 1, c.gap);
          const Tensor d_weight = lab.random(DType::f32, {c.width}), d_bias = lab.random(DType::f32, {c.width});
          Gradients wanted = differentiate(lab, op, lab.read(d_output));
          if (accumulate) add(lab.read(d_input), wanted.input);
          add(lab.read(d_weight), wanted.weight), add(lab.read(d_bias), wanted.bias);
          lab.device().run(LayerNormBackward{.input = op.input,
                                             .weight = op.weight,
                                             .mean = op.mean,
                                             .reciprocal = op.reciprocal,
                                             .d_output = d_output,
                                             .d_input = d_input,
                                             .d_weight = d_weight,
                                             .d_bias = d_bias,
                                             .accumulate = accumulate});
          const std::string what = fmt::format("{}, accumulate {}", describe(c, dtype), accumulate);
          check_close(lab.read(d_input), wanted.input, tolerance(dtype, 2e-5), what + ", d_input", 0.1);
          check_close(lab.read(d_weight), wanted.weight, 2e-5, what + ", d_weight");
          check_close(lab.read(d_bias), wanted.bias, 1e-5, what + ", d_bias");
        }
  });
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace scalebench::test
