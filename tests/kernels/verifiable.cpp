#include "tests/kernels/lab.hpp"

namespace scalebench::test {

namespace {

constexpr DType kTypes[] = {DType::f32, DType::bf16, DType::f16, DType::i32};

// What the ranks' inputs are reduced to, here, in double.
Values reduced(Lab& lab, DType dtype, std::int64_t count, std::int64_t ranks, bool maximum) {
  Values result(static_cast<std::size_t>(count), 0.0);
  const Tensor input = lab.empty(dtype, {count});
  for (std::int64_t rank = 0; rank < ranks; ++rank) {
    lab.device().run(VerifiableInput{.to = input, .rank = rank, .ranks = ranks});
    const Values values = lab.read(input);
    for (std::size_t i = 0; i < values.size(); ++i)
      result[i] = maximum ? std::max(result[i], values[i]) : result[i] + values[i];
  }
  return result;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(verifiable)

BOOST_AUTO_TEST_CASE(counts_what_differs_from_the_reduction_of_the_inputs) {
  for_each_backend([](Lab& lab) {
    for (const DType dtype : kTypes)
      for (const auto& [count, ranks] : {std::pair(1, 1), std::pair(37, 2), std::pair(1000, 5), std::pair(333, 70)})
        for (const bool maximum : {false, true}) {
          const std::string what = fmt::format("{} of {} over {}, maximum {}", name_of(dtype), count, ranks, maximum);
          Values values = reduced(lab, dtype, count, ranks, maximum);
          const Tensor wrong = lab.of(DType::i32, {1}, {77});
          const auto count_of = [&] {
            lab.device().run(CountWrong{
                .values = lab.of(dtype, {count}, values), .wrong = wrong, .ranks = ranks, .maximum = maximum});
            return lab.scalar(wrong);
          };
          BOOST_TEST(count_of() == 0, what);
          values.front() += 1, values.back() -= 1;
          BOOST_TEST(count_of() == (count == 1 ? 0 : 2), what);
        }
  });
}

BOOST_AUTO_TEST_CASE(every_element_counts) {
  for_each_backend([](Lab& lab) {
    const Tensor values = lab.of(DType::f32, {300'000}, Values(300'000, std::nan(""))),
                 wrong = lab.empty(DType::i32, {1});
    lab.device().run(CountWrong{.values = values, .wrong = wrong, .ranks = 3});
    BOOST_TEST(lab.scalar(wrong) == 300'000);
  });
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace scalebench::test
