#include <bit>
#include <limits>

#include "base/e4m3.hpp"
#include "base/small_float.hpp"
#include "tests/kernels/lab.hpp"

namespace scalebench::test {

namespace {

AdamW make(Lab& lab, std::int64_t count, double clip) {
  const Values zeros(static_cast<std::size_t>(count), 0.0);
  return {.gradient = lab.empty(DType::f32, {count}),
          .master = lab.random(DType::f32, {count}),
          .moment1 = lab.of(DType::f32, {count}, zeros),
          .moment2 = lab.of(DType::f32, {count}, zeros),
          .copy = lab.empty(DType::bf16, {count}),
          .squared_norm = lab.empty(DType::f32, {1}),
          .counter = lab.of(DType::i32, {1}, {0}),
          .learning_rate = 1e-2,
          .beta1 = 0.9,
          .beta2 = 0.95,
          .epsilon = 1e-8,
          .weight_decay = 0.1,
          .clip = clip};
}

struct Wanted {
  Values master, moment1, moment2;
};

// As torch.optim.AdamW and torch.nn.utils.clip_grad_norm_ write it.
void step(Wanted& wanted, const AdamW& op, const Values& gradient, double squared_norm, double t) {
  const double factor = std::min(1.0, op.clip / (std::sqrt(squared_norm) + 1e-6));
  for (std::size_t i = 0; i < gradient.size(); ++i) {
    const double g = gradient[i] * factor;
    wanted.master[i] *= 1 - op.learning_rate * op.weight_decay;
    wanted.moment1[i] = op.beta1 * wanted.moment1[i] + (1 - op.beta1) * g;
    wanted.moment2[i] = op.beta2 * wanted.moment2[i] + (1 - op.beta2) * g * g;
    const double root = std::sqrt(wanted.moment2[i]) / std::sqrt(1 - std::pow(op.beta2, t));
    wanted.master[i] -= op.learning_rate / (1 - std::pow(op.beta1, t)) * wanted.moment1[i] / (root + op.epsilon);
  }
}

void check_steps(Lab& lab, std::int64_t count, double clip) {
  const AdamW op = make(lab, count, clip);
  Wanted wanted{lab.read(op.master), lab.read(op.moment1), lab.read(op.moment2)};
  for (int t = 1; t <= 3; ++t) {
    const Tensor fresh = lab.random(DType::f32, {count}, 0.1);
    lab.device().run(Convert{.from = fresh, .to = op.gradient});
    lab.device().run(Fill{.to = op.squared_norm, .value = 0});
    lab.device().run(SumOfSquares{.values = op.gradient, .total = op.squared_norm});
    lab.device().run(Advance{.counter = op.counter});
    step(wanted, op, lab.read(fresh), lab.scalar(op.squared_norm), t);
    lab.device().run(op);
    const std::string what = fmt::format("adamw P {}, clip {}, step {}", count, clip, t);
    check_close(lab.read(op.master), wanted.master, 1e-6, what + ", master");
    check_close(lab.read(op.moment1), wanted.moment1, 1e-6, what + ", moment 1");
    check_close(lab.read(op.moment2), wanted.moment2, 2e-6, what + ", moment 2");
    check_close(lab.read(op.copy), lab.read(op.master), tolerance(DType::bf16, 0), what + ", copy");
  }
}

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
  const AdamW op = with_moments(lab, make(lab, count, 1.0), dtype, runs);
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
    Wanted wanted{lab.read(op.master), {}, {}};
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

BOOST_AUTO_TEST_SUITE(optimizer)

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
    AdamW op = with_moments(lab, make(lab, kCount, 1e9), DType::bf16, runs);
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
    const AdamW whole = with_moments(lab, make(lab, count, 1.0), DType::bf16, runs);
    AdamW flat = with_moments(lab, whole, DType::bf16, runs);
    const AdamW columns = with_moments(lab, make(lab, kRows * kCut, 1.0), DType::bf16, cut);
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
        const AdamW whole = with_moments(lab, make(lab, count, 1.0), dtype, runs);
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
      const AdamW op = with_moments(lab, make(lab, 300, 1.0), dtype, runs);
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

BOOST_AUTO_TEST_CASE(adamw_follows_the_formula_with_and_without_clipping) {
  for_each_backend([](Lab& lab) {
    for (const std::int64_t count : {1, 17, 33, 1000, 40'001})
      for (const double clip : {1e-2, 1.0, std::numeric_limits<double>::infinity()}) check_steps(lab, count, clip);
  });
}

BOOST_AUTO_TEST_CASE(adamw_without_a_copy_does_the_same) {
  for_each_backend([](Lab& lab) {
    const AdamW with = make(lab, 100, 1);
    AdamW without = with;
    without.copy = {};
    without.master = lab.of(DType::f32, {100}, lab.read(with.master));
    without.moment1 = lab.of(DType::f32, {100}, Values(100, 0.0));
    without.moment2 = lab.of(DType::f32, {100}, Values(100, 0.0));
    lab.device().run(Fill{.to = with.gradient, .value = 0.5});
    lab.device().run(Fill{.to = with.squared_norm, .value = 25});
    lab.device().run(Advance{.counter = with.counter});
    lab.device().run(with);
    lab.device().run(without);
    check_close(lab.read(without.master), lab.read(with.master), 1e-7, "master");
  });
}

// A plan may cut its flat buffers anywhere.
BOOST_AUTO_TEST_CASE(parts_of_a_buffer_are_updated_as_the_whole) {
  for_each_backend([](Lab& lab) {
    const AdamW whole = make(lab, 100, 1);
    AdamW again = whole;
    for (Tensor* tensor : {&again.master, &again.moment1, &again.moment2})
      *tensor = lab.of(DType::f32, {100}, lab.read(*tensor));
    again.copy = lab.empty(DType::bf16, {100});
    lab.device().run(Fill{.to = whole.squared_norm, .value = 25});
    lab.device().run(Fill{.to = whole.gradient, .value = 0.5});
    lab.device().run(Advance{.counter = whole.counter});
    lab.device().run(whole);
    for (const auto& [first, count] : {std::pair(0, 33), std::pair(33, 50), std::pair(83, 17)}) {
      AdamW part = again;
      for (Tensor* tensor : {&part.gradient, &part.master, &part.moment1, &part.moment2, &part.copy})
        *tensor = tensor->slice(0, first, count);
      lab.device().run(part);
    }
    check_close(lab.read(again.master), lab.read(whole.master), 1e-7, "master");
    check_close(lab.read(again.moment2), lab.read(whole.moment2), 1e-7, "moment 2");
    BOOST_TEST((lab.read(again.copy) == lab.read(whole.copy)));
  });
}

BOOST_AUTO_TEST_CASE(adamw_of_a_gradient_of_0_divides_nothing_by_0) {
  for_each_backend([](Lab& lab) {
    const AdamW op = make(lab, 40, 1);
    Values wanted = lab.read(op.master);
    for (double& x : wanted) x *= 1 - 1e-3;
    for (const Tensor& zero : {op.gradient, op.squared_norm}) lab.device().run(Fill{.to = zero, .value = 0});
    lab.device().run(Advance{.counter = op.counter});
    lab.device().run(op);
    check_close(lab.read(op.master), wanted, 1e-7, "master");
  });
}

BOOST_AUTO_TEST_CASE(adamw_shows_a_norm_that_is_not_a_number) {
  for_each_backend([](Lab& lab) {
    const AdamW op = make(lab, 3, 1);
    lab.device().run(Fill{.to = op.gradient, .value = 1});
    lab.device().run(Fill{.to = op.squared_norm, .value = std::numeric_limits<double>::quiet_NaN()});
    lab.device().run(Advance{.counter = op.counter});
    lab.device().run(op);
    for (const double x : lab.read(op.master)) BOOST_TEST(std::isnan(x));
  });
}

BOOST_AUTO_TEST_CASE(sgd_follows_the_formula_with_and_without_clipping_and_a_copy) {
  for_each_backend([](Lab& lab) {
    for (const std::int64_t count : {1, 17, 1000, 40'001})
      for (const double clip : {1e-2, 1e9, std::numeric_limits<double>::infinity()})
        for (const bool copies : {false, true}) {
          Sgd op{.gradient = lab.random(DType::f32, {count}),
                 .master = lab.random(DType::f32, {count}),
                 .squared_norm = lab.of(DType::f32, {1}, {0}),
                 .learning_rate = 0.25,
                 .clip = clip};
          if (copies) op.copy = lab.empty(DType::bf16, {count});
          lab.device().run(SumOfSquares{.values = op.gradient, .total = op.squared_norm});
          const Values gradient = lab.read(op.gradient);
          const double factor = std::min(1.0, clip / (std::sqrt(lab.scalar(op.squared_norm)) + 1e-6));
          Values wanted = lab.read(op.master);
          for (std::size_t i = 0; i < wanted.size(); ++i) wanted[i] -= 0.25 * factor * gradient[i];
          lab.device().run(op);
          const std::string what = fmt::format("sgd P {}, clip {}", count, clip);
          check_close(lab.read(op.master), wanted, 1e-6, what + ", master");
          if (copies) check_close(lab.read(op.copy), wanted, tolerance(DType::bf16, 0), what + ", copy");
        }
  });
}

BOOST_AUTO_TEST_CASE(copies_in_fp16_are_the_rounded_masters) {
  for_each_backend([](Lab& lab) {
    for (const std::int64_t count : {1, 17, 40'001}) {
      AdamW adamw = make(lab, count, 1);
      adamw.copy = lab.empty(DType::f16, {count});
      const Sgd sgd{.gradient = adamw.gradient,
                    .master = lab.random(DType::f32, {count}),
                    .copy = lab.empty(DType::f16, {count}),
                    .squared_norm = adamw.squared_norm,
                    .learning_rate = 0.1,
                    .clip = 1};
      lab.device().run(Fill{.to = adamw.gradient, .value = 0.5});
      lab.device().run(Fill{.to = adamw.squared_norm, .value = 25});
      lab.device().run(Advance{.counter = adamw.counter});
      lab.device().run(adamw);
      lab.device().run(sgd);
      check_close(lab.read(adamw.copy), lab.read(adamw.master), tolerance(DType::f16, 0), "adamw");
      check_close(lab.read(sgd.copy), lab.read(sgd.master), tolerance(DType::f16, 0), "sgd");
    }
  });
}

BOOST_AUTO_TEST_CASE(scaled_gradients_update_as_they_are_without_their_scale) {
  for_each_backend([](Lab& lab) {
    for (const double clip : {0.5, std::numeric_limits<double>::infinity()}) {
      const AdamW plain = make(lab, 1001, clip);
      AdamW scaled = plain;
      for (Tensor* tensor : {&scaled.master, &scaled.moment1, &scaled.moment2})
        *tensor = lab.of(DType::f32, {1001}, lab.read(*tensor));
      lab.device().write(plain.gradient, lab.read(lab.random(DType::f32, {1001}, 0.1)));
      Values large = lab.read(plain.gradient);
      for (double& x : large) x *= 4096;
      scaled.gradient = lab.of(DType::f32, {1001}, large);
      scaled.inverse_scale = lab.of(DType::f32, {1}, {1.0 / 4096});
      lab.device().run(Fill{.to = plain.squared_norm, .value = 25});
      lab.device().run(Advance{.counter = plain.counter});
      lab.device().run(plain);
      lab.device().run(scaled);
      check_close(lab.read(scaled.master), lab.read(plain.master), 1e-6, "adamw");
      check_close(lab.read(scaled.moment2), lab.read(plain.moment2), 1e-6, "moment 2");
      Sgd sgd{.gradient = plain.gradient,
              .master = lab.random(DType::f32, {1001}),
              .squared_norm = plain.squared_norm,
              .learning_rate = 0.1,
              .clip = clip};
      Sgd of_scaled = sgd;
      of_scaled.master = lab.of(DType::f32, {1001}, lab.read(sgd.master));
      of_scaled.gradient = scaled.gradient, of_scaled.inverse_scale = scaled.inverse_scale;
      lab.device().run(sgd);
      lab.device().run(of_scaled);
      check_close(lab.read(of_scaled.master), lab.read(sgd.master), 1e-6, "sgd");
    }
  });
}

BOOST_AUTO_TEST_CASE(overflown_gradients_change_nothing) {
  for_each_backend([](Lab& lab) {
    for (const double norm : {std::numeric_limits<double>::infinity(), std::numeric_limits<double>::quiet_NaN()}) {
      AdamW op = make(lab, 1001, 1);
      op.inverse_scale = lab.of(DType::f32, {1}, {0.25});
      lab.device().run(Fill{.to = op.gradient, .value = norm});
      lab.device().run(Fill{.to = op.squared_norm, .value = norm});
      lab.device().run(Advance{.counter = op.counter});
      const Sgd sgd{.gradient = op.gradient,
                    .master = lab.random(DType::f32, {1001}),
                    .copy = lab.random(DType::f16, {1001}),
                    .squared_norm = op.squared_norm,
                    .inverse_scale = op.inverse_scale,
                    .learning_rate = 0.1,
                    .clip = 1};
      std::vector<Values> before;
      const auto all = {op.master, op.moment1, op.moment2, op.copy, sgd.master, sgd.copy};
      for (const Tensor& tensor : all) before.push_back(lab.read(tensor));
      lab.device().run(op);
      lab.device().run(sgd);
      for (std::size_t i = 0; const Tensor& tensor : all) BOOST_TEST((lab.read(tensor) == before[i++]));
    }
  });
}

// As torch.amp.GradScaler: {squared norm of the scaled gradients} -> {scale of the next step, finite steps, updates}.
BOOST_AUTO_TEST_CASE(loss_scale_halves_after_an_overflow_and_doubles_after_an_interval) {
  struct Row {
    double squared_norm, scale, finite, updates;
  };
  const double nan = std::numeric_limits<double>::quiet_NaN(), infinity = std::numeric_limits<double>::infinity();
  const Row rows[] = {{64, 16, 1, 1}, {infinity, 8, 0, 1}, {nan, 4, 0, 1}, {16, 4, 1, 2}, {16, 4, 2, 3},
                      {16, 8, 0, 4},  {0, 8, 1, 5},        {64, 8, 2, 6},  {nan, 4, 0, 6}};
  for_each_backend([&](Lab& lab) {
    const UpdateLossScale op{.squared_norm = lab.of(DType::f32, {1}, {0}),
                             .scale = lab.of(DType::f32, {2}, {16, 0}),
                             .steps = lab.of(DType::i32, {2}, {0, 0}),
                             .interval = 3};
    double before = 16;
    for (const Row& row : rows) {
      lab.device().run(Fill{.to = op.squared_norm, .value = row.squared_norm});
      lab.device().run(op);
      BOOST_TEST((lab.read(op.scale) == Values{row.scale, 1 / before}));
      BOOST_TEST((lab.read(op.steps) == Values{row.finite, row.updates}));
      const double norm = lab.scalar(op.squared_norm), wanted = row.squared_norm / (before * before);
      BOOST_TEST((norm == wanted || (std::isnan(norm) && std::isnan(wanted))));
      before = row.scale;
    }
  });
}

BOOST_AUTO_TEST_CASE(loss_scale_stays_finite) {
  for_each_backend([](Lab& lab) {
    const UpdateLossScale op{.squared_norm = lab.of(DType::f32, {1}, {1}),
                             .scale = lab.of(DType::f32, {2}, {0x1p127, 0}),
                             .steps = lab.of(DType::i32, {2}, {0, 0}),
                             .interval = 1};
    lab.device().run(op);
    BOOST_TEST(lab.read(op.scale)[0] == 0x1p127);
  });
}

BOOST_AUTO_TEST_CASE(sum_of_squares_adds_to_the_total) {
  for_each_backend([](Lab& lab) {
    for (const std::int64_t count : {1, 3, 4096, 4097, 1'000'003})
      for (const std::int64_t first : {0, 1}) {  // of a buffer that others share
        const Tensor values = lab.random(DType::f32, {first + count}).slice(0, first, count);
        const Tensor total = lab.of(DType::f32, {1}, {2});
        double wanted = 2;
        for (const double x : lab.read(values)) wanted += 0.5 * x * x;
        lab.device().run(SumOfSquares{.values = values, .total = total, .weight = 0.5});
        check_close({lab.scalar(total)}, {wanted}, 1e-6, fmt::format("sum_of_squares of {}", count));
      }
  });
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace scalebench::test
