// Products with weights in int8 and FP8: the quantiser by its formula, the product against a plain loop over what it
// stored.
#include "tests/kernels/lab.hpp"

using namespace scalebench;
using namespace scalebench::test;

namespace {

struct Size {
  std::int64_t m, n, k;
};
// Few rows and many, what does not fill a register, more weights than are widened at a time; rows that can be read 16
// bytes at a time.
constexpr Size kSizes[] = {{1, 1, 1},   {1, 5, 16},   {3, 9, 37}, {4, 64, 130}, {16, 33, 70}, {17, 300, 65},
                           {40, 7, 64}, {1, 3, 2064}, {2, 6, 48}, {7, 5, 4112}, {13, 3, 64}};

Values scales_of(const Values& from, std::int64_t n, std::int64_t k) {
  Values scales;
  for (std::int64_t row = 0; row < n; ++row) {
    double largest = 0;
    for (std::int64_t i = 0; i < k; ++i)
      largest = std::max(largest, std::abs(from[static_cast<std::size_t>(row * k + i)]));
    scales.push_back(largest > 0 ? largest / 127 : 1);
  }
  return scales;
}

void check_product(const Backend& backend, DType stored, DType dtype, const Size& size) {
  const auto [m, n, k] = size;
  Lab lab(backend);
  const Tensor weights = lab.random(DType::f32, {n, k}), a = lab.random(dtype, {m, k}, 1, k % 16 == 0 ? 8 : 3);
  const Tensor payload = lab.empty(stored, {n, k}), scales = lab.empty(DType::f32, {n});
  const Tensor c = lab.empty(dtype, {m, n}, 2);
  lab.device().run(Quantize{.from = weights, .payload = payload, .scales = scales});
  lab.device().run(GemmQuantized{.a = a, .payload = payload, .scales = scales, .c = c});
  const Values x = lab.device().read(a), w = lab.device().read(payload), s = lab.device().read(scales),
               got = lab.device().read(c);
  const double unit = dtype == DType::f32 ? 2e-6 : 1.0 / 128;
  for (std::int64_t i = 0; i < m; ++i)
    for (std::int64_t j = 0; j < n; ++j) {
      double sum = 0, magnitude = 0;
      for (std::int64_t l = 0; l < k; ++l) {
        const double term = x[static_cast<std::size_t>(i * k + l)] * w[static_cast<std::size_t>(j * k + l)] *
                            s[static_cast<std::size_t>(j)];
        sum += term, magnitude += std::abs(term);
      }
      BOOST_CHECK_SMALL(got[static_cast<std::size_t>(i * n + j)] - sum, unit * magnitude + 1e-30);
    }
}

}  // namespace

BOOST_AUTO_TEST_SUITE(gemm_quantized)

BOOST_AUTO_TEST_CASE(rows_are_rounded_to_127_parts_of_their_largest) {
  for (const Backend& backend : backends())
    for (const DType dtype : kFloats) {
      Lab lab(backend);
      const std::int64_t n = 6, k = 35;
      const Tensor from = lab.random(dtype, {n, k});
      lab.device().run(Fill{.to = from.slice(0, 2, 1)});
      const Tensor payload = lab.empty(DType::i8, {n, k}), scales = lab.empty(DType::f32, {n});
      lab.device().run(Quantize{.from = from, .payload = payload, .scales = scales});
      const Values values = lab.device().read(from), stored = lab.device().read(payload),
                   got = lab.device().read(scales), expected = scales_of(values, n, k);
      for (std::size_t row = 0; row < static_cast<std::size_t>(n); ++row) {
        BOOST_CHECK_CLOSE(got[row], expected[row], 1e-4);
        double largest = 0;
        for (std::size_t i = row * k; i < (row + 1) * k; ++i) {
          BOOST_CHECK_LE(std::abs(stored[i] * got[row] - values[i]), 0.5001 * got[row]);
          largest = std::max(largest, std::abs(stored[i]));
        }
        BOOST_CHECK_EQUAL(largest, row == 2 ? 0 : 127);
      }
    }
}

// Of each row the largest number is the format's largest, and all are within half a step of what was there.
BOOST_AUTO_TEST_CASE(rows_are_rounded_to_fp8_by_their_largest) {
  for (const Backend& backend : backends())
    for (const DType dtype : kFloats) {
      Lab lab(backend);
      const std::int64_t n = 6, k = 35;
      const Tensor from = lab.random(dtype, {n, k});
      lab.device().run(Fill{.to = from.slice(0, 2, 1)});
      const Tensor payload = lab.empty(DType::e4m3, {n, k}), scales = lab.empty(DType::f32, {n});
      lab.device().run(Quantize{.from = from, .payload = payload, .scales = scales});
      const Values values = lab.read(from), stored = lab.read(payload), got = lab.read(scales);
      for (std::size_t row = 0; row < static_cast<std::size_t>(n); ++row) {
        float largest = 0;
        for (std::size_t i = row * k; i < (row + 1) * k; ++i)
          largest = std::max(largest, std::abs(static_cast<float>(values[i])));
        BOOST_CHECK_CLOSE(got[row], row == 2 ? 1 : largest / 448, 1e-4);
        double most = 0;
        for (std::size_t i = row * k; i < (row + 1) * k; ++i) {
          const double parts = values[i] / got[row];
          const double step = std::ldexp(1, std::max(std::ilogb(parts), -6) - 3);
          BOOST_CHECK_LE(std::abs(stored[i] - parts), 0.5001 * step);
          most = std::max(most, std::abs(stored[i]));
        }
        BOOST_CHECK_EQUAL(most, row == 2 ? 0 : 448);
      }
    }
}

BOOST_AUTO_TEST_CASE(products_are_those_of_the_stored_numbers) {
  for (const Backend& backend : backends())
    for (const DType stored : {DType::i8, DType::e4m3})
      for (const DType dtype : kFloats)
        for (const Size& size : kSizes) check_product(backend, stored, dtype, size);
}

BOOST_AUTO_TEST_SUITE_END()
