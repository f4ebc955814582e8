#include "tests/kernels/lab.hpp"
#include "tests/kernels/reference.hpp"

namespace scalebench::test {

namespace {

struct Case {
  std::int64_t sequences, length, heads, size, gap;
};
constexpr Case kCases[] = {
    {1, 1, 1, 4, 0}, {2, 5, 3, 8, 7}, {3, 17, 1, 64, 0}, {1, 129, 8, 80, 16}, {2, 65, 2, 128, 0}};

std::string describe(const Case& c, DType dtype) {
  return fmt::format("rope B {} T {} heads {} D {} gap {} {}", c.sequences, c.length, c.heads, c.size, c.gap,
                     name_of(dtype));
}

Tensor frequencies(Lab& lab, std::int64_t size) {
  Values values;
  for (std::int64_t i = 0; i < size / 2; ++i)
    values.push_back(std::pow(1e4, -2.0 * static_cast<double>(i) / static_cast<double>(size)));
  return lab.of(DType::f32, {size / 2}, values);
}

Rope make(Lab& lab, const Case& c, DType dtype) {
  return {.heads = lab.random(dtype, {c.sequences * c.length, c.heads, c.size}, 1, c.gap),
          .frequencies = frequencies(lab, c.size),
          .sequence = c.length};
}

}  // namespace

BOOST_AUTO_TEST_SUITE(rope)

BOOST_AUTO_TEST_CASE(turns_pairs_by_position_times_frequency) {
  for_each_backend([](Lab& lab) {
    for (const Case& c : kCases)
      for (const DType dtype : kFloats)
        for (const bool backward : {false, true}) {
          Rope op = make(lab, c, dtype);
          op.backward = backward;
          const Values wanted =
              reference::rope(lab.read(op.heads), lab.read(op.frequencies), static_cast<std::size_t>(c.heads),
                              static_cast<std::size_t>(c.length), backward ? -1 : 1);
          lab.device().run(op);
          check_close(lab.read(op.heads), wanted, tolerance(dtype, 1e-6), describe(c, dtype));
        }
  });
}

BOOST_AUTO_TEST_CASE(keeps_its_digits_at_far_positions) {
  for_each_backend([](Lab& lab) {
    const Case c{1, 20'000, 1, 4, 0};
    const Rope op = make(lab, c, DType::f32);
    const Values wanted = reference::rope(lab.read(op.heads), lab.read(op.frequencies), 1, 20'000, 1);
    lab.device().run(op);
    check_close(lab.read(op.heads), wanted, 1e-6, describe(c, DType::f32));
  });
}

BOOST_AUTO_TEST_CASE(turns_rows_of_any_sequences_by_their_own_positions) {
  for_each_backend([](Lab& lab) {
    for (const Case& c : kCases)
      for (const DType dtype : kFloats) {
        Rope op = make(lab, c, dtype);
        const std::int64_t rows = c.sequences * c.length;
        op.positions = lab.ids({rows}, 5000), op.sequence = 0;
        const Values heads = lab.read(op.heads), positions = lab.read(op.positions), angles = lab.read(op.frequencies);
        Values wanted;
        for (std::size_t row = 0; row < positions.size(); ++row) {
          const auto width = static_cast<std::ptrdiff_t>(c.heads * c.size);
          const auto from = heads.begin() + static_cast<std::ptrdiff_t>(row) * width;
          Values scaled = angles;  // the second of two rows is at position 1
          for (double& angle : scaled) angle *= positions[row];
          Values pair(static_cast<std::size_t>(2 * width));
          std::copy_n(from, width, pair.begin() + width);
          const Values turned = reference::rope(pair, scaled, static_cast<std::size_t>(c.heads), 2, 1);
          wanted.insert(wanted.end(), turned.begin() + width, turned.end());
        }
        lab.device().run(op);
        check_close(lab.read(op.heads), wanted, tolerance(dtype, 1e-6), describe(c, dtype) + " positions");
      }
  });
}

BOOST_AUTO_TEST_CASE(backward_is_the_gradient_by_finite_differences) {
  for_each_backend([](Lab& lab) {
    for (const Case& c : {kCases[0], kCases[1]})
      for (const DType dtype : kFloats) {
        Rope op = make(lab, c, dtype);
        const Values angles = lab.read(op.frequencies), d_output = lab.read(op.heads);
        const auto forward = [&](const Values& x) {
          return reference::rope(x, angles, static_cast<std::size_t>(c.heads), static_cast<std::size_t>(c.length), 1);
        };
        const Values wanted = reference::differences(forward, Values(d_output.size(), 0.5), d_output);
        op.backward = true;
        lab.device().run(op);
        check_close(lab.read(op.heads), wanted, tolerance(dtype, 1e-6), describe(c, dtype));
      }
  });
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace scalebench::test
