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
  return fmt::format("rms_norm N {} H {} gap {} {}", c.rows, c.width, c.gap, name_of(dtype));
}

// Squares are added in fp32, in a build without optimisation one after another: of wider rows more of it is rounding.
double of_sum(const Case& c) { return 1e-6 * std::sqrt(std::max(1.0, static_cast<double>(c.width) / 1000)); }

RmsNorm make(Lab& lab, const Case& c, DType dtype) {
  return {.input = lab.random(dtype, {c.rows, c.width}, 0.1, c.gap),
          .weight = lab.random(dtype, {c.width}),
          .output = lab.empty(dtype, {c.rows, c.width}, c.gap),
          .reciprocal = lab.empty(DType::f32, {c.rows}),
          .epsilon = kEpsilon};
}

struct Gradients {
  Values input, weight;
};

// d_input = r (dy w - x r^2 mean(dy w x)), d_weight = dy x r.
Gradients differentiate(const Values& input, const Values& weight, const Values& d_output) {
  Gradients gradients{input, Values(weight.size())};
  const std::size_t width = weight.size();
  for (std::size_t first = 0; first < input.size(); first += width) {
    double squares = 0, dot = 0;
    for (std::size_t h = 0; h < width; ++h) {
      squares += input[first + h] * input[first + h];
      dot += d_output[first + h] * weight[h] * input[first + h];
    }
    const double count = static_cast<double>(width), r = 1 / std::sqrt(squares / count + kEpsilon);
    for (std::size_t h = 0; h < width; ++h) {
      const double x = input[first + h], dy = d_output[first + h];
      gradients.input[first + h] = r * (dy * weight[h] - x * r * r * dot / count);
      gradients.weight[h] += dy * x * r;
    }
  }
  return gradients;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(rms_norm)

BOOST_AUTO_TEST_CASE(scales_rows_to_a_mean_square_of_1) {
  for_each_backend([](Lab& lab) {
    for (const Case& c : kCases)
      for (const DType dtype : kFloats) {
        const RmsNorm op = make(lab, c, dtype);
        lab.device().run(op);
        const Values wanted = reference::rms_norm(lab.read(op.input), lab.read(op.weight), kEpsilon);
        check_close(lab.read(op.output), wanted, tolerance(dtype, of_sum(c)), describe(c, dtype));
      }
  });
}

BOOST_AUTO_TEST_CASE(with_a_branch_norms_the_sum_and_keeps_it) {
  for_each_backend([](Lab& lab) {
    for (const Case& c : kCases)
      for (const DType dtype : kFloats) {
        RmsNorm op = make(lab, c, dtype);
        op.branch = lab.random(dtype, {c.rows, c.width}, 0.1, c.gap);
        op.sum = lab.empty(dtype, {c.rows, c.width}, c.gap);
        Values sum = lab.read(op.input);
        const Values branch = lab.read(op.branch);
        for (std::size_t i = 0; i < sum.size(); ++i) sum[i] += branch[i];
        lab.device().run(op);
        check_close(lab.read(op.sum), sum, tolerance(dtype, 1e-7), describe(c, dtype) + ", sum");
        const Values wanted = reference::rms_norm(lab.read(op.sum), lab.read(op.weight), kEpsilon);
        check_close(lab.read(op.output), wanted, tolerance(dtype, of_sum(c)), describe(c, dtype) + ", output");
      }
  });
}

BOOST_AUTO_TEST_CASE(backward_is_the_gradient_by_finite_differences) {
  for_each_backend([](Lab& lab) {
    for (const Case& c : {Case{1, 1, 0}, Case{3, 17, 2}, Case{17, 33, 0}, Case{70, 5, 1}, Case{19, 40, 0}})
      for (const DType dtype : kFloats)
        for (const bool accumulate : {false, true}) {
          const RmsNorm op = make(lab, c, dtype);
          lab.device().run(op);
          const Tensor d_output = lab.random(dtype, {c.rows, c.width}, 1, c.gap);
          const Tensor d_input = lab.random(dtype, {c.rows, c.width}, 1, c.gap);
          const Tensor d_weight = lab.random(DType::f32, {c.width});
          const Values input = lab.read(op.input), weight = lab.read(op.weight), d_out = lab.read(d_output);
          Values of_input = reference::differences(
              [&](const Values& x) { return reference::rms_norm(x, weight, kEpsilon); }, input, d_out);
          Values of_weight = reference::differences(
              [&](const Values& w) { return reference::rms_norm(input, w, kEpsilon); }, weight, d_out);
          const Values before = lab.read(d_input), weight_before = lab.read(d_weight);
          for (std::size_t i = 0; accumulate && i < of_input.size(); ++i) of_input[i] += before[i];
          for (std::size_t i = 0; i < of_weight.size(); ++i) of_weight[i] += weight_before[i];
          lab.device().run(RmsNormBackward{.input = op.input,
                                           .weight = op.weight,
                                           .reciprocal = op.reciprocal,
                                           .d_output = d_output,
                                           .d_input = d_input,
                                           .d_weight = d_weight,
                                           .accumulate = accumulate});
          const std::string what = fmt::format("{}, accumulate {}", describe(c, dtype), accumulate);
          check_close(lab.read(d_input), of_input, tolerance(dtype, 1e-5), what + ", d_input");
          check_close(lab.read(d_weight), of_weight, 1e-5, what + ", d_weight");
        }
  });
}

BOOST_AUTO_TEST_CASE(backward_of_many_and_of_wide_rows) {
  for_each_backend([](Lab& lab) {
    for (const Case& c : {Case{150, 256, 8}, Case{3, 6000, 0}, Case{3, 20000, 0}, Case{3, 3001, 1}})
      for (const DType dtype : kFloats) {
        const RmsNorm op = make(lab, c, dtype);
        lab.device().run(op);
        const Tensor d_output = lab.random(dtype, {c.rows, c.width}, 1, c.gap);
        const Tensor d_input = lab.empty(dtype, {c.rows, c.width}, c.gap), d_weight = lab.random(DType::f32, {c.width});
        Gradients wanted = differentiate(lab.read(op.input), lab.read(op.weight), lab.read(d_output));
        const Values before = lab.read(d_weight);
        for (std::size_t h = 0; h < before.size(); ++h) wanted.weight[h] += before[h];
        lab.device().run(RmsNormBackward{.input = op.input,
                                         .weight = op.weight,
                                         .reciprocal = op.reciprocal,
                                         .d_output = d_output,
                                         .d_input = d_input,
                                         .d_weight = d_weight});
        check_close(lab.read(d_input), wanted.input, tolerance(dtype, 1e-5), describe(c, dtype) + ", d_input");
        check_close(lab.read(d_weight), wanted.weight, 1e-5, describe(c, dtype) + ", d_weight");
      }
  });
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace scalebench::test
