// Our own products of few rows, and which are chosen: those by cuBLASLt (here what stands in for it, made slow by
// SCALEBENCH_SHIM_CUBLASLT=slow: shim/products.cpp) or our own.
#include "kernels/cuda/few_rows.hpp"

#include <cstdlib>
#include <string>
#include <string_view>

#include "kernels/cuda/choices.hpp"
#include "kernels/cuda/context.hpp"
#include "tests/kernels/lab.hpp"
#include "tests/kernels/reference.hpp"

namespace scalebench::test {

namespace {

struct Case {
  std::int64_t m, n, k;
};
// Tiles and steps of all warps, full and not; fewer of k than a warp takes at once; enough tiles for blocks of few
// warps.
constexpr Case kCases[] = {{1, 1, 8}, {8, 16, 32}, {3, 17, 1048}, {7, 33, 4104}, {5, 200, 136}, {1, 250, 2056}};

std::string choice_of(std::string_view name) {
  for (const std::string& line : cuda::choices())
    if (line.starts_with(name)) return line.substr(name.size());
  return "never measured";
}

}  // namespace

BOOST_AUTO_TEST_SUITE(few_rows)

BOOST_AUTO_TEST_CASE(are_multiplied_by_our_own_kernel) {
  cuda::CudaContext context(nullptr, {});
  Lab lab(backends().front());
  for (const auto& [m, n, k] : kCases)
    for (const DType to : {DType::f32, DType::bf16})
      for (const std::int64_t gap : {0, 8}) {
        const Tensor a = lab.random(DType::bf16, {m, k}, 1, gap), weights = lab.random(DType::bf16, {n, k}, 1, gap);
        const Tensor c = lab.empty(to, {m, n}, gap);
        const Gemm op{.a = a, .b = weights.transposed(), .c = c};
        BOOST_TEST_REQUIRE(cuda::few_rows::fits(op));
        cuda::few_rows::compute(op, context);
        check_close(lab.read(c),
                    reference::gemm(lab.read(a), lab.read(weights.transposed()), static_cast<std::size_t>(m),
                                    static_cast<std::size_t>(n), static_cast<std::size_t>(k)),
                    tolerance(to, 1e-5), fmt::format("m {} n {} k {} gap {} to {}", m, n, k, gap, name_of(to)));
      }
}

BOOST_AUTO_TEST_CASE(give_a_row_the_same_bits_whatever_is_beside_it) {
  cuda::CudaContext context(nullptr, {});
  Lab lab(backends().front());
  const Tensor a = lab.random(DType::bf16, {8, 2056}), weights = lab.random(DType::bf16, {40, 2056});
  const Tensor c = lab.empty(DType::f32, {8, 40});
  Values first;
  for (std::int64_t rows = 1; rows <= 8; ++rows) {
    cuda::few_rows::compute({.a = a.slice(0, 0, rows), .b = weights.transposed(), .c = c.slice(0, 0, rows)}, context);
    const Values row = lab.read(c.slice(0, 0, 1));
    if (first.empty()) first = row;
    BOOST_TEST((row == first), rows << " rows");
  }
}

BOOST_AUTO_TEST_CASE(are_not_ours_where_the_kernel_could_not_read_them) {
  Lab lab(backends().front());
  const auto fits = [&](std::int64_t m, std::int64_t k, std::int64_t gap, DType dtype, bool accumulate) {
    return cuda::few_rows::fits({.a = lab.random(dtype, {m, k}, 1, gap),
                                 .b = lab.random(dtype, {16, k}).transposed(),
                                 .c = lab.empty(DType::f32, {m, 16}),
                                 .accumulate = accumulate});
  };
  BOOST_TEST(fits(8, 64, 0, DType::bf16, false));
  BOOST_TEST(!fits(9, 64, 0, DType::bf16, false));
  BOOST_TEST(!fits(8, 63, 0, DType::bf16, false));
  BOOST_TEST(!fits(8, 64, 3, DType::bf16, false));
  BOOST_TEST(!fits(8, 64, 0, DType::f32, false));
  BOOST_TEST(!fits(8, 64, 0, DType::bf16, true));
  BOOST_TEST(!cuda::few_rows::fits({.a = lab.random(DType::bf16, {1, 64}),
                                    .b = lab.random(DType::bf16, {64, 16}),
                                    .c = lab.empty(DType::bf16, {1, 16})}));
}

BOOST_AUTO_TEST_CASE(are_multiplied_by_the_faster_one) {
  Lab lab(backends().front());
  const Tensor a = lab.random(DType::bf16, {2, 64}), weights = lab.random(DType::bf16, {48, 64});
  const Tensor c = lab.empty(DType::bf16, {2, 48});
  const Gemm op{.a = a, .b = weights.transposed(), .c = c};
  lab.device().run(op);
  const std::string choice = choice_of("product 2 x 48 x 64, bf16 to bf16:");
  const char* const slow = std::getenv("SCALEBENCH_SHIM_CUBLASLT");
  BOOST_TEST(choice.starts_with(slow != nullptr ? " own (own " : " "), choice);
  const std::size_t lines = cuda::choices().size();
  lab.device().run(op);
  BOOST_TEST(cuda::choices().size() == lines, "what was measured is measured again");
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace scalebench::test
