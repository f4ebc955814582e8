#include "kernels/cpu/block_products.hpp"

#include "kernels/cpu/amx.hpp"
#include "tests/kernels/lab.hpp"

namespace scalebench::test {

namespace {

using cpu::Bf16, cpu::kPanel;

struct Case {
  std::int64_t count, steps;  // of 32 rows, of 32 terms
  bool accumulate;
};
constexpr Case kCases[] = {{1, 1, false}, {1, 1, true}, {3, 2, false}, {2, 5, true}, {8, 4, false}};
constexpr std::int64_t kGap = 32;  // between rows of a and of c

template <class T>
std::vector<T> random(std::int64_t count, std::uint64_t stream) {
  std::vector<T> values;
  for (std::int64_t i = 0; i < count; ++i)
    values.push_back(cpu::from_float<T>(static_cast<float>(random_normal(stream, static_cast<std::uint64_t>(i)))));
  return values;
}

// c's rows are kGap longer than what is computed.
template <class T, class Multiply>
void check(const Case& shape, const std::string& what, const Multiply& multiply) {
  const std::int64_t rows = shape.count * kPanel, terms = shape.steps * kPanel, width = kPanel + kGap;
  const std::vector<T> a = random<T>(rows * (terms + kGap), 1), b = random<T>(terms * kPanel, 2);
  std::vector<float> c = random<float>(rows * width, 3);
  Values wanted(c.begin(), c.end());
  const auto at = [](std::int64_t i) { return static_cast<std::size_t>(i); };
  for (std::int64_t i = 0; i < rows; ++i)
    for (std::int64_t j = 0; j < kPanel; ++j) {
      double sum = shape.accumulate ? wanted[at(i * width + j)] : 0;
      for (std::int64_t k = 0; k < terms; ++k) {
        const std::int64_t word = k / cpu::kPair<T> * kPanel + j;
        sum += static_cast<double>(cpu::to_float(a[at(i * (terms + kGap) + k)])) *
               cpu::to_float(b[at(word * cpu::kPair<T> + k % cpu::kPair<T>)]);
      }
      wanted[at(i * width + j)] = sum;
    }
  multiply(cpu::Left<T>{a.data(), terms + kGap, kPanel}, cpu::Right<T>{b.data(), shape.steps},
           cpu::Sums{c.data(), width, shape.count, shape.accumulate});
  check_close(Values(c.begin(), c.end()), wanted, 2e-6,
              fmt::format("{}, {} x 32 rows, {} x 32 terms", what, shape.count, shape.steps));
}

}  // namespace

BOOST_AUTO_TEST_SUITE(block_products)

BOOST_AUTO_TEST_CASE(of_vectors_are_plain_sums) {
  for (const Case& shape : kCases) {
    check<float>(shape, "fp32", cpu::multiply_by_vectors<float>);
    check<Bf16>(shape, "bf16", cpu::multiply_by_vectors<Bf16>);
  }
}

BOOST_AUTO_TEST_CASE(of_amx_are_plain_sums, *boost::unit_test::precondition([](auto) { return cpu::has_amx(); })) {
  const cpu::BlockProducts<Bf16> products;
  for (const Case& shape : kCases)
    check<Bf16>(shape, "AMX", [&](const auto& a, const auto& b, const auto& c) { products.run(a, b, c); });
}

BOOST_AUTO_TEST_CASE(step_over_gaps_between_blocks_of_a) {
  const std::vector<Bf16> a = random<Bf16>(2 * kPanel * kPanel, 1), b = random<Bf16>(2 * kPanel * kPanel, 2);
  std::vector<Bf16> apart(5 * kPanel * kPanel);
  std::vector<float> once(kPanel * kPanel), twice(kPanel * kPanel);
  std::copy_n(a.begin(), kPanel * kPanel, apart.begin());
  std::copy_n(a.begin() + kPanel * kPanel, kPanel * kPanel, apart.begin() + 4 * kPanel * kPanel);
  const cpu::BlockProducts<Bf16> products;
  products.run({apart.data(), kPanel, 4 * kPanel * kPanel}, {b.data(), 2}, {once.data(), kPanel, 1, false});
  products.run({a.data(), kPanel, 0}, {b.data(), 1}, {twice.data(), kPanel, 1, false});
  products.run({a.data() + kPanel * kPanel, kPanel, 0}, {b.data() + kPanel * kPanel, 1},
               {twice.data(), kPanel, 1, true});
  check_close(Values(once.begin(), once.end()), Values(twice.begin(), twice.end()), 2e-6, "two steps at once");
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace scalebench::test
