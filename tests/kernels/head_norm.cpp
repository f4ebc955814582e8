#include "tests/kernels/lab.hpp"
#include "tests/kernels/reference.hpp"

namespace scalebench::test {

namespace {

struct Case {
  std::int64_t rows, heads, size, gap;
};
constexpr Case kCases[] = {{1, 1, 1, 0}, {3, 2, 17, 5}, {5, 3, 64, 0}, {65, 8, 80, 3}, {130, 1, 128, 8}};
constexpr double kEpsilon = 1e-3;  // large, so that leaving it out would show

std::string describe(const Case& c, DType dtype) {
  return fmt::format("head_norm N {} heads {} D {} gap {} {}", c.rows, c.heads, c.size, c.gap, name_of(dtype));
}

HeadNorm make(Lab& lab, const Case& c, DType dtype) {
  return {.input = lab.random(dtype, {c.rows, c.heads, c.size}, 0.1, c.gap),
          .weight = lab.random(dtype, {c.size}),
          .output = lab.empty(dtype, {c.rows, c.heads, c.size}, 2 * c.gap),
          .reciprocal = lab.empty(DType::f32, {c.rows, c.heads}),
          .epsilon = kEpsilon};
}

}  // namespace

BOOST_AUTO_TEST_SUITE(head_norm)

BOOST_AUTO_TEST_CASE(scales_every_head_to_a_mean_square_of_1) {
  for_each_backend([](Lab& lab) {
    for (const Case& c : kCases)
      for (const DType dtype : kFloats) {
        const HeadNorm op = make(lab, c, dtype);
        lab.device().run(op);
        const Values wanted = reference::rms_norm(lab.read(op.input), lab.read(op.weight), kEpsilon);
        check_close(lab.read(op.output), wanted, tolerance(dtype, 1e-6), describe(c, dtype));
      }
  });
}

BOOST_AUTO_TEST_CASE(backward_is_the_gradient_by_finite_differences_also_in_place) {
  for_each_backend([](Lab& lab) {
    for (const Case& c : {kCases[0], kCases[1], Case{17, 3, 6, 4}, Case{9, 2, 24, 8}})
      for (const DType dtype : kFloats)
        for (const bool in_place : {false, true}) {
          const HeadNorm op = make(lab, c, dtype);
          lab.device().run(op);
          const Tensor d_output = lab.random(dtype, {c.rows, c.heads, c.size}, 1, c.gap);
          const Tensor d_input = in_place ? d_output : lab.empty(dtype, {c.rows, c.heads, c.size}, c.gap + 1);
          const Tensor d_weight = lab.random(DType::f32, {c.size});
          const Values input = lab.read(op.input), weight = lab.read(op.weight), d_out = lab.read(d_output);
          const Values of_input = reference::differences(
              [&](const Values& x) { return reference::rms_norm(x, weight, kEpsilon); }, input, d_out);
          Values of_weight = reference::differences(
              [&](const Values& w) { return reference::rms_norm(input, w, kEpsilon); }, weight, d_out);
          const Values before = lab.read(d_weight);
          for (std::size_t i = 0; i < of_weight.size(); ++i) of_weight[i] += before[i];
          lab.device().run(HeadNormBackward{.input = op.input,
                                            .weight = op.weight,
                                            .reciprocal = op.reciprocal,
                                            .d_output = d_output,
                                            .d_input = d_input,
                                            .d_weight = d_weight});
          const std::string what = fmt::format("{}, in place {}", describe(c, dtype), in_place);
          check_close(lab.read(d_input), of_input, tolerance(dtype, 1e-5), what + ", d_input");
          check_close(lab.read(d_weight), of_weight, 1e-5, what + ", d_weight");
        }
  });
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace scalebench::test
