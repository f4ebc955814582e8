#include "tests/kernels/lab.hpp"
#include "tests/kernels/reference.hpp"

namespace scalebench::test {

namespace {

struct Case {
  std::int64_t sequences, length, width, gap;
};
constexpr Case kCases[] = {{1, 1, 1, 0},     {1, 3, 17, 5}, {2, 65, 33, 0},  {3, 64, 200, 3},
                           {5, 40, 1000, 0}, {2, 63, 7, 1}, {1, 8300, 3, 0}, {40, 3, 16, 0}};

std::string describe(const Case& c, DType dtype) {
  return fmt::format("B {} T {} C {} gap {} {}", c.sequences, c.length, c.width, c.gap, name_of(dtype));
}

std::size_t size(std::int64_t count) { return static_cast<std::size_t>(count); }

Tensor rows(Lab& lab, const Case& c, DType dtype) {
  return lab.random(dtype, {c.sequences * c.length, c.width}, 1, c.gap);
}

// Of values that no order of additions but one sums to.
Values sums_of(const Backend& backend, DType dtype) {
  Lab lab(backend);
  const Tensor d_output = lab.random(dtype, {1000, 300}), d_bias = lab.random(DType::f32, {300});
  const Tensor d_table = lab.random(DType::f32, {40, 300});
  lab.device().run(BiasGradient{.d_output = d_output, .d_bias = d_bias});
  lab.device().run(PositionsBackward{.d_output = d_output, .d_table = d_table, .sequence = 40});
  Values sums = lab.read(d_bias);
  for (const double value : lab.read(d_table)) sums.push_back(value);
  return sums;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(bias)

BOOST_AUTO_TEST_CASE(adds_to_every_row) {
  for_each_backend([](Lab& lab) {
    for (const Case& c : kCases)
      for (const DType dtype : kFloats) {
        const Tensor values = rows(lab, c, dtype), bias = lab.random(dtype, {c.width});
        const Values wanted = reference::add_rows(lab.read(values), lab.read(bias), size(c.width), 1);
        lab.device().run(AddBias{.values = values, .bias = bias});
        check_close(lab.read(values), wanted, tolerance(dtype, 1e-7), "add_bias " + describe(c, dtype));
      }
  });
}

BOOST_AUTO_TEST_CASE(adds_the_listed_positions_to_rows_of_any_sequences) {
  for_each_backend([](Lab& lab) {
    for (const Case& c : kCases)
      for (const DType dtype : kFloats) {
        const Tensor output = rows(lab, c, dtype), table = lab.random(dtype, {50, c.width}, 1, c.gap);
        const Tensor positions = lab.ids({c.sequences * c.length}, 50);
        Values wanted = lab.read(output);
        const Values from = lab.read(table), listed = lab.read(positions);
        for (std::size_t i = 0; i < wanted.size(); ++i)
          wanted[i] += from[static_cast<std::size_t>(listed[i / size(c.width)]) * size(c.width) + i % size(c.width)];
        lab.device().run(AddPositions{.table = table, .output = output, .positions = positions});
        check_close(lab.read(output), wanted, tolerance(dtype, 1e-7), "listed positions " + describe(c, dtype));
        lab.device().write(positions.slice(0, 0, 1), Values{50});
        if (!lab.refuses<BrokenContract>(AddPositions{.table = table, .output = output, .positions = positions}))
          BOOST_TEST(all_nan(lab.read(output.slice(0, 0, 1))));
      }
  });
}

BOOST_AUTO_TEST_CASE(gradient_is_the_sum_of_all_rows) {
  for_each_backend([](Lab& lab) {
    for (const Case& c : kCases)
      for (const DType dtype : kFloats) {
        const Tensor d_output = rows(lab, c, dtype), d_bias = lab.random(DType::f32, {c.width});
        const Values wanted = reference::sum_rows(lab.read(d_output), lab.read(d_bias), size(c.width), 1);
        lab.device().run(BiasGradient{.d_output = d_output, .d_bias = d_bias});
        check_close(lab.read(d_bias), wanted, 2e-6, "bias_gradient " + describe(c, dtype));
      }
  });
}

BOOST_AUTO_TEST_CASE(positions_are_added_sequence_by_sequence) {
  for_each_backend([](Lab& lab) {
    for (const Case& c : kCases)
      for (const DType dtype : kFloats) {
        const Tensor output = rows(lab, c, dtype), table = lab.random(dtype, {c.length + 2, c.width}, 1, c.gap);
        const Values wanted = reference::add_rows(lab.read(output), lab.read(table), size(c.width), size(c.length));
        lab.device().run(AddPositions{.table = table, .output = output, .sequence = c.length});
        check_close(lab.read(output), wanted, tolerance(dtype, 1e-7), "add_positions " + describe(c, dtype));
      }
  });
}

BOOST_AUTO_TEST_CASE(positions_backward_sums_over_sequences) {
  for_each_backend([](Lab& lab) {
    for (const Case& c : kCases)
      for (const DType dtype : kFloats) {
        const Tensor d_output = rows(lab, c, dtype), d_table = lab.random(DType::f32, {c.length + 2, c.width});
        const Values wanted = reference::sum_rows(lab.read(d_output), lab.read(d_table), size(c.width), size(c.length));
        lab.device().run(PositionsBackward{.d_output = d_output, .d_table = d_table, .sequence = c.length});
        check_close(lab.read(d_table), wanted, 1e-6, "positions_backward " + describe(c, dtype));
      }
  });
}

// Rows cut in parts that end inside of sequences, as sequence parallelism cuts them.
BOOST_AUTO_TEST_CASE(parts_know_which_positions_are_theirs) {
  for_each_backend([](Lab& lab) {
    const Case c{3, 10, 33, 0};
    for (const DType dtype : kFloats) {
      const Tensor values = rows(lab, c, dtype), table = lab.random(dtype, {c.length + 2, c.width});
      const Tensor d_table = lab.random(DType::f32, {c.length + 2, c.width});
      const Values wanted = reference::add_rows(lab.read(values), lab.read(table), size(c.width), size(c.length));
      const Values sums = reference::sum_rows(lab.read(values), lab.read(d_table), size(c.width), size(c.length));
      for (const auto& [first, count] : {std::pair(0, 15), std::pair(15, 3), std::pair(18, 12)}) {
        const Tensor part = values.slice(0, first, count);
        lab.device().run(PositionsBackward{.d_output = part, .d_table = d_table, .sequence = c.length, .first = first});
        lab.device().run(AddPositions{.table = table, .output = part, .sequence = c.length, .first = first});
      }
      check_close(lab.read(values), wanted, tolerance(dtype, 1e-7), "add_positions in parts, " + describe(c, dtype));
      check_close(lab.read(d_table), sums, 1e-6, "positions_backward in parts, " + describe(c, dtype));
    }
  });
}

BOOST_AUTO_TEST_CASE(gradients_have_one_order_of_additions) {
  for (const DType dtype : kFloats) {
    const Values first = sums_of(backends().front(), dtype);
    for (const Backend& backend : backends())
      BOOST_TEST((sums_of(backend, dtype) == first), backend.name << ", " << name_of(dtype));
  }
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace scalebench::test
