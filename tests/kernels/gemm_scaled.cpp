// Products of scaled matrices against plain loops over what their bytes mean.
#include "base/small_float.hpp"
#include "tests/kernels/scaled.hpp"

using namespace scalebench;
using namespace scalebench::test;

namespace {

struct Size {
  std::int64_t m, n, k;
};
// What cuBLASLt takes (few rows, one block and less, a bit more than a block), and what it doesn't.
constexpr Size kSizes[] = {{4, 16, 16},     {1, 16, 32}, {8, 32, 128}, {20, 48, 160},
                           {132, 144, 288}, {3, 5, 7},   {1, 1, 1},    {130, 17, 257}};

struct Pair {
  Scaling a, b;
};
constexpr Pair kPairs[] = {{Scaling::tensor, Scaling::tensor}, {Scaling::rows, Scaling::rows},
                           {Scaling::rows, Scaling::blocks},   {Scaling::blocks, Scaling::rows},
                           {Scaling::mx, Scaling::mx},         {Scaling::nv, Scaling::nv}};

// The numbers that a scaled matrix stands for.
Values numbers(Lab& lab, const QuantizedMatrix& matrix) {
  const auto payload = bytes_of(lab, matrix.payload), scales = bytes_of(lab, matrix.scales);
  const Values wide_scales = lab.read(matrix.scales);
  const bool nv = matrix.scaling == Scaling::nv;
  const double global = nv ? lab.scalar(matrix.global) : 1;
  const std::int64_t k = matrix.columns, width = matrix.scaling == Scaling::tensor ? k : block_width(matrix.scaling);
  Values values;
  for (std::int64_t row = 0; row < matrix.rows; ++row)
    for (std::int64_t i = 0; i < k; ++i) {
      const auto at = static_cast<std::size_t>(scale_place(matrix.scaling, matrix.rows, k, row, i / width));
      const double scale =
          matrix.scaling == Scaling::mx ? std::ldexp(1.0, static_cast<int>(scales[at]) - 127) : wide_scales[at];
      const auto byte = static_cast<std::size_t>(nv ? row * ((k + 1) / 2) + i / 2 : row * k + i);
      const double number = nv ? decode(kE2m1, payload[byte] >> i % 2 * 4 & 0xFU)
                               : decode(matrix.payload.dtype() == DType::e5m2 ? kE5m2 : kE4m3, payload[byte]);
      values.push_back(number * scale * global);
    }
  return values;
}

QuantizedMatrix quantized(Lab& lab, Scaling scaling, DType payload, const Tensor& from) {
  const QuantizedMatrix to = empty_scaled(lab, scaling, payload, from.rows(), from.columns());
  lab.device().run(QuantizeScaled{.from = from, .to = to});
  return to;
}

// False where this device refuses it, as some may.
bool run(Lab& lab, const Backend& backend, const GemmScaled& op) {
  try {
    lab.device().run(op);
    return true;
  } catch (const Error& error) {
    BOOST_TEST((!backend.multiplies_all && error.code() == Exit::bad_input), error.what());
    return false;
  }
}

void check_product(Lab& lab, const GemmScaled& op, const Values& before) {
  const Values a = numbers(lab, op.a), b = numbers(lab, op.b), got = lab.read(op.c);
  const auto m = static_cast<std::size_t>(op.a.rows), n = static_cast<std::size_t>(op.b.rows),
             k = static_cast<std::size_t>(op.a.columns);
  const double unit = op.c.dtype() == DType::f32 ? 4e-6 : 1.0 / 128;
  for (std::size_t i = 0; i < m; ++i)
    for (std::size_t j = 0; j < n; ++j) {
      double sum = op.accumulate ? before[i * n + j] : 0, size = std::abs(sum);
      for (std::size_t l = 0; l < k; ++l) {
        const double term = a[i * k + l] * b[j * k + l];
        sum += term, size += std::abs(term);
      }
      BOOST_CHECK_SMALL(got[i * n + j] - sum, unit * size + 1e-30);
    }
}

}  // namespace

BOOST_AUTO_TEST_SUITE(gemm_scaled)

BOOST_AUTO_TEST_CASE(products_are_those_of_the_stored_numbers) {
  for (const Backend& backend : backends())
    for (const auto [of_a, of_b] : kPairs)
      for (const auto [m, n, k] : kSizes)
        for (const DType dtype : kFloats)
          for (const DType payload : {DType::e4m3, DType::e5m2}) {
            if (of_a == Scaling::nv && payload == DType::e5m2) continue;
            Lab lab(backend);
            const bool accumulate = dtype == DType::f32;
            const Tensor a = lab.random(DType::bf16, {m, k}, 3), b = lab.random(DType::f32, {n, k}, 0.1);
            const Tensor c = lab.random(dtype, {m, n}, 1, n % 8 == 0 ? 8 : 3);
            const Values before = lab.read(c);
            const GemmScaled op{.a = quantized(lab, of_a, payload, a),
                                .b = quantized(lab, of_b, DType::e4m3, b),
                                .c = c,
                                .accumulate = accumulate};
            BOOST_TEST_CONTEXT(backend.name << ": " << named(of_a, payload, m, k) << " by " << name_of(of_b) << ", n "
                                            << n << " into " << name_of(dtype)) {
              if (run(lab, backend, op))
                check_product(lab, op, before);
              else
                BOOST_TEST((of_a != Scaling::tensor || !sizes_fit(of_a, m, n, k)));
              lab.check_gaps();
            }
          }
}

BOOST_AUTO_TEST_CASE(a_nan_shows) {
  for (const Backend& backend : backends())
    for (const auto [of_a, of_b] : kPairs) {
      Lab lab(backend);
      const std::int64_t m = 4, n = 16, k = 160;
      const Tensor a = lab.random(DType::f32, {m, k}), b = lab.random(DType::f32, {n, k});
      Values values = lab.read(a);
      values[static_cast<std::size_t>(2 * k + 150)] = std::nan("");
      lab.device().write(a, values);
      const Tensor c = lab.empty(DType::f32, {m, n});
      if (!run(lab, backend,
               {.a = quantized(lab, of_a, DType::e4m3, a), .b = quantized(lab, of_b, DType::e4m3, b), .c = c}))
        continue;
      BOOST_TEST_CONTEXT(backend.name << ": " << name_of(of_a) << " by " << name_of(of_b))
      BOOST_TEST(all_nan(lab.read(c.slice(0, 2, 1))));
    }
}

BOOST_AUTO_TEST_SUITE_END()
