#include "tests/kernels/lab.hpp"
#include "tests/kernels/reference.hpp"

namespace scalebench::test {

namespace {

struct Case {
  std::int64_t m, n, k;
};
constexpr Case kCases[] = {{1, 1, 1},    {1, 17, 33},   {3, 1, 65},    {17, 33, 3},  {65, 65, 65},
                           {64, 96, 32}, {33, 128, 17}, {129, 64, 80}, {5, 200, 129}};

struct Layout {
  bool transposed_a, transposed_b;
  std::int64_t gap;
};
constexpr Layout kLayouts[] = {{false, false, 0}, {false, true, 0}, {true, false, 0}, {true, true, 0},
                               {false, false, 7}, {false, true, 5}, {true, false, 3}};

Tensor matrix(Lab& lab, DType dtype, std::int64_t rows, std::int64_t columns, bool transposed, std::int64_t gap) {
  if (transposed) return lab.random(dtype, {columns, rows}, 1, gap).transposed();
  return lab.random(dtype, {rows, columns}, 1, gap);
}

void check(Lab& lab, const Case& c, const Layout& layout, DType from, DType to, bool accumulate) {
  const Tensor a = matrix(lab, from, c.m, c.k, layout.transposed_a, layout.gap);
  const Tensor b = matrix(lab, from, c.k, c.n, layout.transposed_b, layout.gap);
  const Tensor out = lab.random(to, {c.m, c.n}, 1, layout.gap);
  const Values before = lab.read(out);
  Values wanted = reference::gemm(lab.read(a), lab.read(b), static_cast<std::size_t>(c.m),
                                  static_cast<std::size_t>(c.n), static_cast<std::size_t>(c.k));
  for (std::size_t i = 0; accumulate && i < wanted.size(); ++i) wanted[i] += before[i];
  lab.device().run(Gemm{.a = a, .b = b, .c = out, .accumulate = accumulate});
  check_close(
      lab.read(out), wanted, tolerance(to, 1e-5),
      fmt::format("gemm m {} n {} k {}, transposed {} {}, gap {}, {} to {}, accumulate {}", c.m, c.n, c.k,
                  layout.transposed_a, layout.transposed_b, layout.gap, name_of(from), name_of(to), accumulate));
}

void check_bias(Lab& lab, DType dtype, const Case& c, bool transposed_b, std::int64_t gap, bool activates) {
  const Tensor a = matrix(lab, dtype, c.m, c.k, false, gap), b = matrix(lab, dtype, c.k, c.n, transposed_b, gap);
  const Tensor bias = lab.random(dtype, {c.n}), out = lab.random(dtype, {c.m, c.n}, 1, gap);
  const Tensor activated = activates ? lab.random(dtype, {c.m, c.n}, 1, gap) : Tensor();
  Values wanted = reference::gemm(lab.read(a), lab.read(b), static_cast<std::size_t>(c.m),
                                  static_cast<std::size_t>(c.n), static_cast<std::size_t>(c.k));
  const Values added = lab.read(bias);
  for (std::size_t i = 0; i < wanted.size(); ++i) wanted[i] += added[i % added.size()];
  lab.device().run(GemmBias{.a = a, .b = b, .c = out, .bias = bias, .activated = activated});
  const std::string what = fmt::format("gemm_bias m {} n {} k {}, transposed {}, gap {}, {}, gelu {}", c.m, c.n, c.k,
                                       transposed_b, gap, name_of(dtype), activates);
  check_close(lab.read(out), wanted, tolerance(dtype, 1e-5), what);
  for (double& x : wanted) x *= (1 + std::tanh(std::sqrt(2 / M_PI) * (x + 0.044715 * x * x * x))) / 2;
  if (activates) check_close(lab.read(activated), wanted, tolerance(dtype, 1e-5), what + ", activated");
}

}  // namespace

BOOST_AUTO_TEST_SUITE(gemm)

BOOST_AUTO_TEST_CASE(is_the_sum_of_products_for_any_sizes_views_and_dtypes) {
  for_each_backend([](Lab& lab) {
    for (const Case& c : kCases)
      for (const Layout& layout : kLayouts)
        for (const bool accumulate : {false, true}) {
          check(lab, c, layout, DType::f32, DType::f32, accumulate);
          for (const DType dtype : {DType::bf16, DType::f16})
            for (const DType to : {dtype, DType::f32}) check(lab, c, layout, dtype, to, accumulate);
        }
  });
}

// Several blocks of each side and of the sum, none of them full; what is large takes another way than what is small.
BOOST_AUTO_TEST_CASE(is_the_sum_of_products_where_it_is_large) {
  constexpr Case kLarge[] = {{75, 301, 1090}, {301, 75, 1090}, {1093, 1129, 33}};
  for_each_backend([&](Lab& lab) {
    for (const Case& c : kLarge)
      for (const Layout& layout : {Layout{false, true, 0}, Layout{false, false, 5}, Layout{true, false, 0}}) {
        check(lab, c, layout, DType::f32, DType::f32, layout.gap > 0);
        for (const DType dtype : {DType::bf16, DType::f16})
          for (const DType to : {dtype, DType::f32}) check(lab, c, layout, dtype, to, layout.gap > 0);
      }
  });
}

// 2^-11 is what rounding costs an operand at most.
void check_tf32(Lab& lab, const Case& c, const Layout& layout, bool accumulate) {
  const Tensor a = matrix(lab, DType::f32, c.m, c.k, layout.transposed_a, layout.gap);
  const Tensor b = matrix(lab, DType::f32, c.k, c.n, layout.transposed_b, layout.gap);
  const Tensor out = lab.random(DType::f32, {c.m, c.n}, 1, layout.gap);
  const Values before = lab.read(out);
  const auto m = static_cast<std::size_t>(c.m), n = static_cast<std::size_t>(c.n), k = static_cast<std::size_t>(c.k);
  Values left = lab.read(a), right = lab.read(b), wanted = reference::gemm(left, right, m, n, k);
  const auto size = [](Values& values) {
    for (double& value : values) value = std::abs(value);
  };
  size(left), size(right);
  const Values sizes = reference::gemm(left, right, m, n, k);
  lab.device().run(Gemm{.a = a, .b = b, .c = out, .accumulate = accumulate, .tf32 = true});
  const Values got = lab.read(out);
  for (std::size_t i = 0; i < wanted.size(); ++i)
    BOOST_TEST(std::abs(got[i] - wanted[i] - (accumulate ? before[i] : 0)) <= 0x1p-10 * sizes[i] + 1e-5,
               "m " << m << " n " << n << " k " << k << " gap " << layout.gap << " at " << i);
}

BOOST_AUTO_TEST_CASE(of_tf32_is_the_sum_of_products_within_its_rounding) {
  for_each_backend([](Lab& lab) {
    for (const Case& c : kCases)
      for (const Layout& layout : kLayouts)
        for (const bool accumulate : {false, true}) check_tf32(lab, c, layout, accumulate);
  });
}

// 1 + 2^-10 is of 10 bits of mantissa, 1 + 2^-13 is of more: a product that keeps it is no TF32. What is not finite
// stays so.
BOOST_AUTO_TEST_CASE(of_tf32_keeps_ten_bits_of_mantissa) {
  for_each_backend([](Lab& lab) {
    const std::int64_t size = 64;
    const auto times_one = [&](double value) {
      const Tensor a = lab.of(DType::f32, {size, size}, Values(size * size, value));
      const Tensor b = lab.of(DType::f32, {size, size}, Values(size * size, 1)),
                   c = lab.empty(DType::f32, {size, size});
      lab.device().run(Gemm{.a = a, .b = b, .c = c, .tf32 = true});
      return lab.read(c)[7] / size;
    };
    BOOST_TEST(times_one(1 + 0x1p-10) == 1 + 0x1p-10);
    BOOST_TEST(times_one(1 + 0x1p-13) == 1);
    BOOST_TEST(times_one(-1 - 0x1p-10 - 0x1p-13) == -1 - 0x1p-10);
    BOOST_TEST(std::isnan(times_one(NAN)));
    BOOST_TEST(times_one(INFINITY) == INFINITY);
    const Tensor wrong = lab.random(DType::bf16, {4, 4});
    BOOST_CHECK_THROW(lab.device().run(Gemm{.a = wrong, .b = wrong, .c = wrong, .tf32 = true}), BrokenContract);
  });
}

// Weights [n, k] read along their rows take another way; sizes at, before and behind what it takes at once.
BOOST_AUTO_TEST_CASE(is_the_sum_of_products_of_few_rows_with_weights) {
  constexpr Case kFew[] = {{1, 300, 257}, {2, 97, 64},  {3, 48, 512},  {4, 16, 33},    {5, 700, 100}, {6, 49, 31},
                           {7, 191, 90},  {8, 250, 96}, {9, 100, 129}, {16, 333, 161}, {17, 65, 70},  {16, 15, 200}};
  for_each_backend([&](Lab& lab) {
    for (const Case& c : kFew)
      for (const std::int64_t gap : {0, 5}) {
        check(lab, c, {false, true, gap}, DType::f32, DType::f32, false);
        for (const DType dtype : {DType::bf16, DType::f16})
          for (const DType to : {dtype, DType::f32}) check(lab, c, {false, true, gap}, dtype, to, false);
      }
  });
}

// Sizes and gaps with which a library's epilogue can do it, and others.
BOOST_AUTO_TEST_CASE(adds_a_bias_and_keeps_what_it_activates) {
  constexpr Case kBiased[] = {{1, 17, 33}, {65, 64, 40}, {64, 96, 32}, {33, 128, 17}, {5, 200, 129}, {16, 8, 1}};
  for_each_backend([&](Lab& lab) {
    for (const Case& c : kBiased)
      for (const DType dtype : kFloats)
        for (const bool activates : {false, true})
          for (const std::int64_t gap : {0, 3, 8}) check_bias(lab, dtype, c, gap != 3, gap, activates);
  });
}

// What lies behind the rows of a view is not even multiplied with zero.
BOOST_AUTO_TEST_CASE(of_few_rows_reads_nothing_beside_its_operands) {
  for_each_backend([](Lab& lab) {
    for (const DType dtype : kFloats) {
      const Tensor weights = lab.random(dtype, {70, 77}), a = lab.random(dtype, {3, 77});
      for (const Tensor& whole : {weights, a})
        for (const Tensor& outside : {whole.slice(1, 75, 2), whole.slice(0, whole.rows() - 1, 1)})
          lab.device().write(outside, Values(static_cast<std::size_t>(outside.count()), NAN));
      const Tensor c = lab.empty(DType::f32, {2, 69});
      lab.device().run(Gemm{
          .a = a.slice(0, 0, 2).slice(1, 0, 75), .b = weights.slice(0, 0, 69).slice(1, 0, 75).transposed(), .c = c});
      for (const double value : lab.read(c)) BOOST_TEST_REQUIRE(std::isfinite(value));
    }
  });
}

BOOST_AUTO_TEST_CASE(of_a_row_depends_on_no_other_rows_and_no_number_of_threads) {
  for (const DType dtype : kFloats) {
    Values first;
    for_each_backend([&](Lab& lab) {
      const Tensor a = lab.random(dtype, {16, 1030}), b = lab.random(dtype, {901, 1030}).transposed();
      const Tensor c = lab.empty(DType::f32, {16, 901});
      for (std::int64_t rows = 1; rows <= 16; ++rows) {
        lab.device().run(Gemm{.a = a.slice(0, 0, rows), .b = b, .c = c.slice(0, 0, rows)});
        const Values row = lab.read(c.slice(0, 0, 1));
        if (first.empty()) first = row;
        BOOST_TEST((row == first), rows << " rows of " << name_of(dtype));
      }
    });
  }
}

BOOST_AUTO_TEST_CASE(of_bf16_to_fp32_keeps_the_digits_that_bf16_would_lose) {
  for_each_backend([](Lab& lab) {
    const Tensor a = lab.of(DType::bf16, {1, 2}, {1, 1}), b = lab.of(DType::bf16, {2, 1}, {256, 1});
    const Tensor c = lab.empty(DType::f32, {1, 1});
    lab.device().run(Gemm{.a = a, .b = b, .c = c});
    BOOST_TEST(lab.scalar(c) == 257);
  });
}

BOOST_AUTO_TEST_CASE(of_fp16_shows_what_is_too_large_for_it) {
  for_each_backend([](Lab& lab) {
    for (const std::int64_t rows : {1, 40}) {  // few and many
      const Tensor a = lab.of(DType::f16, {rows, 2}, Values(static_cast<std::size_t>(2 * rows), 200));
      const Tensor b = lab.of(DType::f16, {2, 3}, {200, 100, -200, 200, 100, -200});
      const Tensor c = lab.empty(DType::f16, {rows, 3}), wide = lab.empty(DType::f32, {rows, 3});
      for (const Tensor& to : {c, wide}) lab.device().run(Gemm{.a = a, .b = b, .c = to});
      const Values got = lab.read(c), exact = lab.read(wide);
      BOOST_TEST((got[0] == INFINITY && got[1] == 40000 && got[2] == -INFINITY));
      BOOST_TEST((exact[0] == 80000 && exact[2] == -80000));
    }
  });
}

BOOST_AUTO_TEST_CASE(refuses_matrices_that_do_not_fit_together) {
  for_each_backend([](Lab& lab) {
    const Tensor a = lab.random(DType::f32, {2, 3}), b = lab.random(DType::f32, {2, 3}),
                 c = lab.random(DType::f32, {2, 3});
    BOOST_CHECK_THROW(lab.device().run(Gemm{.a = a, .b = b, .c = c}), BrokenContract);
    BOOST_CHECK_THROW(lab.device().run(Gemm{.a = a, .b = lab.random(DType::bf16, {3, 3}), .c = c}), BrokenContract);
  });
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace scalebench::test
