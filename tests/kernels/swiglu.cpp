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
  return fmt::format("swiglu N {} F {} gap {} {}", c.rows, c.width, c.gap, name_of(dtype));
}

}  // namespace

BOOST_AUTO_TEST_SUITE(swiglu)

BOOST_AUTO_TEST_CASE(is_silu_of_gate_times_up) {
  for_each_backend([](Lab& lab) {
    for (const Case& c : kCases)
      for (const DType dtype : kFloats) {
        const Tensor gate_up = lab.random(dtype, {c.rows, 2 * c.width}, 3, c.gap);
        const Tensor output = lab.empty(dtype, {c.rows, c.width}, c.gap);
        lab.device().run(SwiGlu{.gate_up = gate_up, .output = output});
        const Values wanted = reference::swiglu(lab.read(gate_up), static_cast<std::size_t>(c.width));
        check_close(lab.read(output), wanted, tolerance(dtype, 1e-6), describe(c, dtype));
      }
  });
}

BOOST_AUTO_TEST_CASE(holds_for_gates_of_any_size) {
  for_each_backend([](Lab& lab) {
    const Tensor gate_up = lab.of(DType::f32, {4, 2}, {-1e30, 2, -100, 2, 100, 2, 1e30, 2});
    const Tensor output = lab.empty(DType::f32, {4, 1}), d_output = lab.of(DType::f32, {4, 1}, {1, 1, 1, 1});
    lab.device().run(SwiGlu{.gate_up = gate_up, .output = output});
    check_close(lab.read(output), {0, 0, 200, 2e30}, 1e-6, "swiglu of large gates");
    lab.device().run(SwiGluBackward{.gate_up = gate_up, .d_output = d_output});
    check_close(lab.read(gate_up.slice(1, 0, 1)), {0, 0, 2, 2}, 1e-6, "swiglu_backward of large gates");
  });
}

BOOST_AUTO_TEST_CASE(of_nan_is_nan) {
  for_each_backend([](Lab& lab) {
    const double nan = std::numeric_limits<double>::quiet_NaN();
    const Tensor gate_up = lab.of(DType::f32, {2, 2}, {nan, 1, 1, nan}), output = lab.empty(DType::f32, {2, 1});
    lab.device().run(SwiGlu{.gate_up = gate_up, .output = output});
    for (const double value : lab.read(output)) BOOST_TEST(std::isnan(value));
    lab.device().run(SwiGluBackward{.gate_up = gate_up, .d_output = lab.of(DType::f32, {2, 1}, {1, 1})});
    for (const double value : lab.read(gate_up.slice(1, 0, 1))) BOOST_TEST(std::isnan(value));
  });
}

BOOST_AUTO_TEST_CASE(backward_is_the_gradient_by_finite_differences) {
  for_each_backend([](Lab& lab) {
    for (const Case& c : {Case{1, 1, 0}, Case{3, 17, 5}, Case{17, 9, 0}, Case{5, 16, 0}})
      for (const DType dtype : kFloats) {
        const Tensor gate_up = lab.random(dtype, {c.rows, 2 * c.width}, 2, c.gap);
        const Tensor d_output = lab.random(dtype, {c.rows, c.width}, 1, c.gap);
        const auto forward = [&](const Values& x) { return reference::swiglu(x, static_cast<std::size_t>(c.width)); };
        const Values wanted = reference::differences(forward, lab.read(gate_up), lab.read(d_output));
        lab.device().run(SwiGluBackward{.gate_up = gate_up, .d_output = d_output});
        check_close(lab.read(gate_up), wanted, tolerance(dtype, 2e-6), describe(c, dtype));
      }
  });
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace scalebench::test
