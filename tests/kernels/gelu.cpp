#include <limits>

#include "tests/kernels/lab.hpp"
#include "tests/kernels/reference.hpp"

namespace scalebench::test {

namespace {

struct Case {
  std::int64_t rows, width, gap;
};
constexpr Case kCases[] = {{1, 1, 0}, {3, 17, 5}, {65, 33, 0}, {17, 64, 3}, {129, 200, 0}};

std::string describe(const Case& c, DType dtype) {
  return fmt::format("gelu N {} F {} gap {} {}", c.rows, c.width, c.gap, name_of(dtype));
}

}  // namespace

BOOST_AUTO_TEST_SUITE(gelu)

BOOST_AUTO_TEST_CASE(is_the_form_with_tanh) {
  for_each_backend([](Lab& lab) {
    for (const Case& c : kCases)
      for (const DType dtype : kFloats) {
        const Tensor input = lab.random(dtype, {c.rows, c.width}, 2, c.gap);
        const Tensor output = lab.empty(dtype, {c.rows, c.width}, 2 * c.gap);
        lab.device().run(Gelu{.input = input, .output = output});
        check_close(lab.read(output), reference::gelu(lab.read(input)), tolerance(dtype, 1e-6), describe(c, dtype));
      }
  });
}

BOOST_AUTO_TEST_CASE(holds_for_values_of_any_size) {
  for_each_backend([](Lab& lab) {
    const Tensor values = lab.of(DType::f32, {6, 1}, {-1e30, -100, -11, 0, 100, 1e30});
    const Tensor output = lab.empty(DType::f32, {6, 1}), d_output = lab.of(DType::f32, {6, 1}, {2, 2, 2, 2, 2, 2});
    lab.device().run(Gelu{.input = values, .output = output});
    check_close(lab.read(output), {0, 0, 0, 0, 100, 1e30}, 1e-6, "gelu of large values");
    lab.device().run(GeluBackward{.input = values, .d_output = d_output});
    check_close(lab.read(values), {0, 0, 0, 1, 2, 2}, 1e-6, "gelu_backward of large values");
  });
}

BOOST_AUTO_TEST_CASE(of_nan_is_nan) {
  for_each_backend([](Lab& lab) {
    const Tensor value = lab.of(DType::f32, {1, 1}, {std::numeric_limits<double>::quiet_NaN()});
    const Tensor output = lab.empty(DType::f32, {1, 1}), d_output = lab.of(DType::f32, {1, 1}, {1});
    lab.device().run(Gelu{.input = value, .output = output});
    BOOST_TEST(std::isnan(lab.scalar(output)));
    lab.device().run(GeluBackward{.input = value, .d_output = d_output});
    BOOST_TEST(std::isnan(lab.scalar(value)));
  });
}

BOOST_AUTO_TEST_CASE(backward_is_the_gradient_by_finite_differences) {
  for_each_backend([](Lab& lab) {
    for (const Case& c : kCases)
      for (const DType dtype : kFloats) {
        const Tensor input = lab.random(dtype, {c.rows, c.width}, 2, c.gap);
        const Tensor d_output = lab.random(dtype, {c.rows, c.width}, 1, c.gap);
        // Element by element: the gradient of a sum over all of them would lose digits.
        Values wanted = lab.read(input);
        const Values at = wanted, weights = lab.read(d_output);
        for (std::size_t i = 0; i < at.size(); ++i)
          wanted[i] = reference::differences(reference::gelu, {at[i]}, {weights[i]})[0];
        lab.device().run(GeluBackward{.input = input, .d_output = d_output});
        check_close(lab.read(input), wanted, tolerance(dtype, 2e-6), describe(c, dtype));
      }
  });
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace scalebench::test
