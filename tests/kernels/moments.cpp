// Moments of fewer bits: what is stored, and what comes of it.
#include "base/moments.hpp"

#include <bit>
#include <limits>

#include "base/small_float.hpp"
#include "tests/kernels/adamw.hpp"

namespace scalebench::test {

namespace {

// One parameter of so many elements.
std::vector<ElementRun> one_run(std::int64_t count) {
  return {{.begin = 0, .count = count, .stream = 3, .first = 0, .width = count, .pitch = count}};
}

AdamW with_moments(Lab& lab, AdamW op, DType dtype, const std::vector<ElementRun>& runs) {
  const std::int64_t count = op.master.count(), blocks = (count + kMomentBlock - 1) / kMomentBlock;
  const auto zeros = [&](DType of, std::int64_t size) {
    const Tensor tensor = lab.empty(of, {size});
    lab.device().run(Fill{.to = tensor});
    return tensor;
  };
  op.moment1 = zeros(dtype, count), op.moment2 = zeros(dtype, count);
  if (dtype == DType::e4m3) op.scale1 = zeros(DType::f32, blocks), op.scale2 = zeros(DType::f32, blocks);
  op.seed = 11;
  if (dtype == DType::bf16) op.numbers = runs;
  return op;
}

float bf16(std::uint32_t bits) { return std::bit_cast<float>(bits << 16); }

// The second moment of bf16 as kernels/ops/optimizer.hpp defines it.
float at_random(float x, const AdamW& op, const ElementRun& run, std::int64_t i, int step) {
  const std::int64_t at = run.skip + i - run.begin, row = at / run.width, column = at % run.width;
  const std::uint64_t key = random_bits(random_bits(op.seed, run.stream), static_cast<std::uint64_t>(step));
  const std::uint64_t number = static_cast<std::uint64_t>(run.first + row * run.pitch + column);
  return bf16((std::bit_cast<std::uint32_t>(x) + static_cast<std::uint32_t>(random_bits(key, number) >> 48)) >> 16);
}

// In fp32, with the roundings that are promised, by the definitions of the formats: [P] as they are stored, times
// their scales.
struct Stored {
  std::vector<float> first, second;
};

void round_in_blocks(std::vector<float>& values, bool positive) {
  for (std::size_t begin = 0; begin < values.size(); begin += kMomentBlock) {
    const std::size_t end = std::min(values.size(), begin + static_cast<std::size_t>(kMomentBlock));
    float largest = 0x1p-100F;
    for (std::size_t i = begin; i < end; ++i) largest = std::max(largest, std::abs(values[i]));
    const float scale = largest / 448;
    for (std::size_t i = begin; i < end; ++i) {
      std::uint32_t code = encode(kE4m3, static_cast<double>(values[i] / scale));
      if (positive && code == 0 && values[i] > 0) code = 1;
      values[i] = static_cast<float>(decode(kE4m3, code)) * scale;
    }
  }
}

void step(Stored& stored, const AdamW& op, const Values& gradient, double squared_norm, int t) {
  const auto clip = static_cast<float>(std::min(1.0, op.clip / (std::sqrt(squared_norm) + 1e-6)));
  const auto beta1 = static_cast<float>(op.beta1), beta2 = static_cast<float>(op.beta2);
  for (std::size_t i = 0; i < gradient.size(); ++i) {
    const float g = static_cast<float>(gradient[i]) * clip;
    const float part = (1.0F - beta2) * g;
    stored.first[i] = std::fma(beta1, stored.first[i], (1.0F - beta1) * g);
    stored.second[i] = std::fma(beta2, stored.second[i], part * g);
  }
  if (op.moment1.dtype() == DType::e4m3) round_in_blocks(stored.first, false), round_in_blocks(stored.second, true);
  if (op.moment1.dtype() != DType::bf16) return;
  for (float& x : stored.first) x = static_cast<float>(decode(kBf16, encode(kBf16, static_cast<double>(x))));
  for (std::size_t i = 0; i < stored.second.size(); ++i) {
    const auto at = static_cast<std::int64_t>(i);
    for (const ElementRun& run : op.numbers)
      if (at >= run.begin && at < run.begin + run.count) stored.second[i] = at_random(stored.second[i], op, run, at, t);
  }
}

// Times their scales, where there are some.
std::vector<float> moments(Lab& lab, const Tensor& moment, const Tensor& scale) {
  const Values codes = lab.read(moment), scales = scale.defined() ? lab.read(scale) : Values{};
  std::vector<float> values;
  for (std::size_t i = 0; i < codes.size(); ++i)
    values.push_back(static_cast<float>(codes[i]) *
                     (scales.empty() ? 1.0F : static_cast<float>(scales[i / static_cast<std::size_t>(kMomentBlock)])));
  return values;
}

void check_stored(Lab& lab, DType dtype, std::int64_t count, const std::vector<ElementRun>& runs) {
  const AdamW op = with_moments(lab, make_adamw(lab, count, 1.0), dtype, runs);
  const auto size = static_cast<std::size_t>(count);
  Stored stored{std::vector<float>(size), std::vector<float>(size)};
  for (int t = 1; t <= 3; ++t) {
    const Tensor fresh = lab.random(DType::f32, {count}, 0.1);
    // Blocks of other sizes, and one of which most would round to 0.
    Values gradient = lab.read(fresh);
    for (std::size_t i = 0; i < size; ++i)
      gradient[i] = static_cast<float>(gradient[i] * (i % 7 == 0 ? 1e-4 : 1) * (i / 256 % 2 == 0 ? 1 : 1e-6));
    lab.device().write(op.gradient, gradient);
    lab.device().run(Fill{.to = op.squared_norm, .value = 0.25 + t});
    lab.device().run(Advance{.counter = op.counter});
    ByFormula wanted{lab.read(op.master), {}, {}};
    for (const float x : stored.first) wanted.moment1.push_back(static_cast<double>(x));
    for (const float x : stored.second) wanted.moment2.push_back(static_cast<double>(x));
    step(wanted, op, gradient, lab.scalar(op.squared_norm), t);
    step(stored, op, gradient, lab.scalar(op.squared_norm), t);
    lab.device().run(op);
    const std::string what = fmt::format("adamw in {}, P {}, step {}", name_of(dtype), count, t);
    BOOST_TEST((moments(lab, op.moment1, op.scale1) == stored.first), what << ", moment 1");
    BOOST_TEST((moments(lab, op.moment2, op.scale2) == stored.second), what << ", moment 2");
    check_close(lab.read(op.master), wanted.master, 1e-6, what + ", master");
  }
}

}  // namespace

BOOST_AUTO_TEST_SUITE(moments)

BOOST_AUTO_TEST_CASE(moments_are_stored_bit_by_bit_as_they_are_defined) {
  for_each_backend([](Lab& lab) {
    for (const DType dtype : {DType::f32, DType::bf16, DType::e4m3})
      for (const std::int64_t count : {1, 33, 256, 700, 5000}) check_stored(lab, dtype, count, one_run(count));
    // Columns 5 to 16 of rows of 40, from element 7 of them on, then another parameter; more runs than one launch
    // takes.
    check_stored(lab, DType::bf16, 300,
                 {{.begin = 0, .count = 101, .stream = 3, .first = 5, .width = 12, .pitch = 40, .skip = 7},
                  {.begin = 101, .count = 199, .stream = 4, .first = 0, .width = 199, .pitch = 199}});
    std::vector<ElementRun> many;
    for (std::int64_t i = 0; i < 70; ++i)
      many.push_back({.begin = 8 * i, .count = 8, .stream = static_cast<std::uint64_t>(i), .width = 8, .pitch = 8});
    check_stored(lab, DType::bf16, 560, many);
  });
}

// Each step changes it by less than half a step of bf16.
BOOST_AUTO_TEST_CASE(a_second_moment_in_bf16_follows_a_slow_change) {
  for_each_backend([](Lab& lab) {
    constexpr std::int64_t kCount = 2048;
    const std::vector<ElementRun> runs = one_run(kCount);
    AdamW op = with_moments(lab, make_adamw(lab, kCount, 1e9), DType::bf16, runs);
    op.beta2 = 0.999;
    lab.device().run(Fill{.to = op.moment2, .value = 1});
    lab.device().run(Fill{.to = op.gradient, .value = 2});
    lab.device().run(Fill{.to = op.squared_norm, .value = 1});
    double wanted = 1;
    for (int t = 0; t < 100; ++t) {
      lab.device().run(Advance{.counter = op.counter});
      lab.device().run(op);
      wanted = op.beta2 * wanted + (1 - op.beta2) * 4;
    }
    double sum = 0;
    for (const double x : lab.read(op.moment2)) sum += x;
    BOOST_CHECK_CLOSE(sum / kCount, wanted, 0.2);  // %; it began 22 % lower
  });
}

BOOST_AUTO_TEST_CASE(parts_of_a_parameter_have_the_moments_of_the_whole) {
  for_each_backend([](Lab& lab) {
    constexpr std::int64_t kRows = 6, kColumns = 40, kCut = 12;
    const std::int64_t count = kRows * kColumns;
    const std::vector<ElementRun> runs = {
        {.begin = 0, .count = count, .stream = 3, .first = 0, .width = kColumns, .pitch = kColumns}};
    const std::vector<ElementRun> cut = {
        {.begin = 0, .count = kRows * kCut, .stream = 3, .first = 5, .width = kCut, .pitch = kColumns}};
    const AdamW whole = with_moments(lab, make_adamw(lab, count, 1.0), DType::bf16, runs);
    AdamW flat = with_moments(lab, whole, DType::bf16, runs);
    const AdamW columns = with_moments(lab, make_adamw(lab, kRows * kCut, 1.0), DType::bf16, cut);
    flat.master = lab.of(DType::f32, {count}, lab.read(whole.master));
    const Values gradient = lab.read(lab.random(DType::f32, {count}));
    Values of_columns;
    for (std::int64_t i = 0; i < kRows * kCut; ++i)
      of_columns.push_back(gradient[static_cast<std::size_t>(i / kCut * kColumns + 5 + i % kCut)]);
    lab.device().write(whole.gradient, gradient);
    lab.device().write(columns.gradient, of_columns);
    lab.device().run(Advance{.counter = whole.counter});
    lab.device().run(Advance{.counter = columns.counter});
    for (const Tensor& norm : {whole.squared_norm, columns.squared_norm})
      lab.device().run(Fill{.to = norm, .value = 0.5});
    lab.device().run(whole);
    lab.device().run(columns);
    for (const auto& [begin, size] : {std::pair<std::int64_t, std::int64_t>{0, 100}, {100, 3}, {103, count - 103}}) {
      AdamW part = flat;
      for (Tensor* tensor : {&part.gradient, &part.master, &part.moment1, &part.moment2, &part.copy})
        *tensor = tensor->slice(0, begin, size);
      part.offset = begin;
      lab.device().run(part);
    }
    const Values moment2 = lab.read(whole.moment2);
    BOOST_TEST((lab.read(flat.moment2) == moment2));
    BOOST_TEST((lab.read(flat.master) == lab.read(whole.master)));
    const Values got = lab.read(columns.moment2);
    for (std::int64_t i = 0; i < kRows * kCut; ++i)
      BOOST_TEST(got[static_cast<std::size_t>(i)] ==
                 moment2[static_cast<std::size_t>(i / kCut * kColumns + 5 + i % kCut)]);
  });
}

// More pieces than one launch takes, some of which allow no wide access.
BOOST_AUTO_TEST_CASE(several_states_at_once_are_updated_as_one_by_one) {
  for_each_backend([](Lab& lab) {
    for (const DType dtype : {DType::f32, DType::bf16, DType::e4m3})
      for (const std::int64_t odd : {0, 1}) {
        const std::int64_t step = dtype == DType::e4m3 ? kMomentBlock : 300 + odd, count = 40 * step;
        const std::vector<ElementRun> runs = one_run(count);
        const AdamW whole = with_moments(lab, make_adamw(lab, count, 1.0), dtype, runs);
        AdamW flat = with_moments(lab, whole, dtype, runs);
        flat.master = lab.of(DType::f32, {count}, lab.read(whole.master));
        flat.copy = lab.empty(DType::bf16, {count});
        lab.device().write(whole.gradient, lab.read(lab.random(DType::f32, {count})));
        lab.device().run(Advance{.counter = whole.counter});
        lab.device().run(Fill{.to = whole.squared_norm, .value = 0.5});
        lab.device().run(whole);
        MultiAdamW all;
        for (std::int64_t i = 0; i < 40; ++i) {
          AdamW& part = all.updates.emplace_back(flat);
          for (Tensor* tensor : {&part.gradient, &part.master, &part.moment1, &part.moment2, &part.copy})
            *tensor = tensor->slice(0, i * step, step);
          if (dtype == DType::e4m3)
            for (Tensor* tensor : {&part.scale1, &part.scale2}) *tensor = tensor->slice(0, i, 1);
          part.offset = i * step;
        }
        lab.device().run(all);
        BOOST_TEST((lab.read(flat.master) == lab.read(whole.master)));
        BOOST_TEST((lab.read(flat.copy) == lab.read(whole.copy)));
        BOOST_TEST((lab.read(flat.moment1) == lab.read(whole.moment1)));
        BOOST_TEST((lab.read(flat.moment2) == lab.read(whole.moment2)));
      }
  });
}

BOOST_AUTO_TEST_CASE(moments_show_a_gradient_that_is_not_a_number) {
  for_each_backend([](Lab& lab) {
    for (const DType dtype : {DType::bf16, DType::e4m3}) {
      const std::vector<ElementRun> runs = one_run(300);
      const AdamW op = with_moments(lab, make_adamw(lab, 300, 1.0), dtype, runs);
      Values gradient(300, 0.5);
      gradient[40] = std::numeric_limits<double>::quiet_NaN();
      lab.device().write(op.gradient, gradient);
      lab.device().run(Fill{.to = op.squared_norm, .value = 1});
      lab.device().run(Advance{.counter = op.counter});
      lab.device().run(op);
      for (const Tensor& moment : {op.moment1, op.moment2}) BOOST_TEST(std::isnan(lab.read(moment)[40]));
      BOOST_TEST(std::isnan(lab.read(op.master)[40]));
      BOOST_TEST(!std::isnan(lab.read(op.moment2)[299]));  // of another block
    }
  });
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace scalebench::test
