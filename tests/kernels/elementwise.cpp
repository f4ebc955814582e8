#include <limits>

#include "base/small_float.hpp"
#include "tests/kernels/lab.hpp"

namespace scalebench::test {

BOOST_AUTO_TEST_SUITE(elementwise)

BOOST_AUTO_TEST_CASE(fill_sets_every_element_and_nothing_between_the_rows) {
  for_each_backend([](Lab& lab) {
    for (const DType dtype : {DType::f32, DType::bf16, DType::f16, DType::i32})
      for (const std::int64_t gap : {0, 3}) {
        const Tensor to = lab.empty(dtype, {17, 33}, gap);
        lab.device().run(Fill{.to = to, .value = -2});
        BOOST_TEST(lab.read(to) == Values(17 * 33, -2.0), boost::test_tools::per_element());
      }
    const Tensor big = lab.empty(DType::f32, {100'003});
    lab.device().run(Fill{.to = big, .value = 0.5});
    BOOST_TEST((lab.read(big) == Values(100'003, 0.5)));
  });
}

BOOST_AUTO_TEST_CASE(fill_of_a_transposed_view_sets_its_elements) {
  for_each_backend([](Lab& lab) {
    const Tensor whole = lab.of(DType::f32, {3, 2}, {1, 2, 3, 4, 5, 6});
    lab.device().run(Fill{.to = whole.slice(1, 1, 1).transposed(), .value = 0});
    BOOST_TEST(lab.read(whole) == (Values{1, 0, 3, 0, 5, 0}), boost::test_tools::per_element());
  });
}

BOOST_AUTO_TEST_CASE(normal_numbers_depend_on_their_counter_alone) {
  for_each_backend([](Lab& lab) {
    const std::int64_t count = 5000;
    const Tensor whole = lab.empty(DType::f32, {count}), cut = lab.empty(DType::f32, {count});
    const Normal all{.to = whole, .deviation = 0.02, .seed = 3, .stream = 4, .first = 11};
    lab.device().run(all);
    for (std::int64_t at = 0, length = 1; at < count; at += length, length = 2 * length + 1) {
      length = std::min(length, count - at);
      Normal part = all;
      part.to = cut.slice(0, at, length);
      part.first = all.first + static_cast<std::uint64_t>(at);
      lab.device().run(part);
    }
    BOOST_TEST(lab.read(whole) == lab.read(cut), boost::test_tools::per_element());
  });
}

BOOST_AUTO_TEST_CASE(normal_is_the_documented_function_of_seed_stream_and_counter) {
  for_each_backend([](Lab& lab) {
    for (const DType dtype : kFloats) {
      const Tensor to = lab.empty(dtype, {1000});
      lab.device().run(Normal{.to = to, .deviation = 2, .seed = 5, .stream = 6, .first = 7});
      Values wanted;
      for (std::uint64_t i = 0; i < 1000; ++i) wanted.push_back(2 * random_normal(random_bits(5, 6), 7 + i));
      check_close(lab.read(to), wanted, tolerance(dtype, 1e-6), "normal");
    }
  });
}

BOOST_AUTO_TEST_CASE(normal_has_mean_0_and_the_deviation_and_streams_differ) {
  for_each_backend([](Lab& lab) {
    const Tensor a = lab.empty(DType::f32, {40'000}), b = lab.empty(DType::f32, {40'000});
    lab.device().run(Normal{.to = a, .deviation = 3, .seed = 1, .stream = 0, .first = 0});
    lab.device().run(Normal{.to = b, .deviation = 3, .seed = 1, .stream = 1, .first = 0});
    const Values x = lab.read(a), y = lab.read(b);
    double mean = 0, square = 0, product = 0;
    for (std::size_t i = 0; i < x.size(); ++i) mean += x[i], square += x[i] * x[i], product += x[i] * y[i];
    const auto n = static_cast<double>(x.size());
    BOOST_TEST(std::abs(mean / n) < 5 * 3 / std::sqrt(n));
    BOOST_TEST(std::abs(square / n - 9) < 5 * 9 * std::sqrt(2 / n));
    BOOST_TEST(std::abs(product / n) < 5 * 9 / std::sqrt(n));
  });
}

BOOST_AUTO_TEST_CASE(convert_rounds_to_nearest_even) {
  for_each_backend([](Lab& lab) {
    const double unit = 0x1p-7;  // of bf16 at 1
    const double infinity = std::numeric_limits<double>::infinity();
    const Values from = {
        1 + unit / 2, 1 + 1.5 * unit, 1 + unit / 2 + 0x1p-20, -1 - unit / 2, 3e38, 3.4e38, -infinity, 0};
    const Values wanted = {1, 1 + 2 * unit, 1 + unit, -1, 2.9907775e38, infinity, -infinity, 0};
    const Tensor to = lab.empty(DType::bf16, {8}), back = lab.empty(DType::f32, {8});
    lab.device().run(Convert{.from = lab.of(DType::f32, {8}, from), .to = to});
    lab.device().run(Convert{.from = to, .to = back});
    check_close(lab.read(back), wanted, 4e-3 * 0x1p-8, "convert");
  });
}

BOOST_AUTO_TEST_CASE(convert_keeps_nan_and_leaves_bf16_as_it_is) {
  for_each_backend([](Lab& lab) {
    const Tensor nan = lab.of(DType::f32, {1}, {std::numeric_limits<double>::quiet_NaN()}),
                 to = lab.empty(DType::bf16, {1});
    lab.device().run(Convert{.from = nan, .to = to});
    BOOST_TEST(std::isnan(lab.scalar(to)));
    for (const DType middle : {DType::f32, DType::bf16}) {
      const Tensor from = lab.random(DType::bf16, {40'001}), there = lab.empty(middle, {40'001});
      const Tensor back = lab.empty(DType::bf16, {40'001});
      lab.device().run(Convert{.from = from, .to = there});
      lab.device().run(Convert{.from = there, .to = back});
      BOOST_TEST((lab.read(back) == lab.read(from)));
    }
  });
}

// Every number of fp16, the middle between it and the next, and what lies beside both.
BOOST_AUTO_TEST_CASE(convert_to_and_from_fp16_is_exact_for_all_numbers) {
  Values all, between;
  for (std::uint32_t bits = 0; bits < 0x10000; ++bits) {
    all.push_back(decode(kFp16, bits));
    if ((bits & 0x7FFFU) >= 0x7C00U) continue;
    const double next = (bits & 0x7FFFU) == 0x7BFFU ? std::copysign(65536, all.back()) : decode(kFp16, bits + 1);
    for (const double exact : {all.back(), (all.back() + next) / 2}) {
      const auto x = static_cast<float>(exact);
      between.insert(between.end(), {x, std::nextafter(x, INFINITY), std::nextafter(x, -INFINITY)});
    }
  }
  for (const float large : {1e5F, 3e38F, 1e-8F, 1e-40F}) between.insert(between.end(), {large, -large});
  between.insert(between.end(), {INFINITY, -INFINITY});
  for_each_backend([&](Lab& lab) {
    const auto converted = [&](DType from_type, DType to_type, const Values& values) {
      const auto count = static_cast<std::int64_t>(values.size());
      const Tensor from = lab.of(from_type, {count}, values), to = lab.empty(to_type, {count});
      lab.device().run(Convert{.from = from, .to = to});
      return lab.read(to);
    };
    const auto same = [](double a, double b) {
      return a == b ? std::signbit(a) == std::signbit(b) : std::isnan(a) && std::isnan(b);
    };
    BOOST_TEST(std::ranges::equal(converted(DType::f16, DType::f32, all), all, same));
    Values wanted;
    for (const double x : between) wanted.push_back(decode(kFp16, encode(kFp16, x)));
    BOOST_TEST(std::ranges::equal(converted(DType::f32, DType::f16, between), wanted, same));
    BOOST_TEST(all_nan(converted(DType::f32, DType::f16, {NAN})));
  });
}

BOOST_AUTO_TEST_CASE(add_of_fp16_shows_what_is_too_large_for_it) {
  for_each_backend([](Lab& lab) {
    const Tensor a = lab.of(DType::f16, {3}, {40000, 65504, -65504}), b = lab.of(DType::f16, {3}, {30000, 15, -16});
    const Tensor sum = lab.empty(DType::f16, {3});
    lab.device().run(Add{.a = a, .b = b, .sum = sum});
    BOOST_TEST((lab.read(sum) == Values{INFINITY, 65504, -INFINITY}));
  });
}

BOOST_AUTO_TEST_CASE(add_adds_and_rounds_once) {
  for_each_backend([](Lab& lab) {
    for (const DType dtype : kFloats) {
      const Tensor a = lab.random(dtype, {3, 13'337}), b = lab.random(dtype, {3, 13'337}),
                   sum = lab.empty(dtype, {3, 13'337});
      lab.device().run(Add{.a = a, .b = b, .sum = sum});
      Values wanted = lab.read(a);
      const Values other = lab.read(b);
      for (std::size_t i = 0; i < wanted.size(); ++i) wanted[i] += other[i];
      check_close(lab.read(sum), wanted,
                  dtype == DType::f32    ? 0x1p-24
                  : dtype == DType::bf16 ? 0x1p-8
                                         : 0x1p-11,
                  "add");
    }
  });
}

BOOST_AUTO_TEST_CASE(advance_counts) {
  for_each_backend([](Lab& lab) {
    const Tensor counter = lab.of(DType::i32, {1}, {41});
    lab.device().run(Advance{.counter = counter});
    BOOST_TEST(lab.scalar(counter) == 42);
  });
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace scalebench::test
