// Operations on parts of a whole, as tensor parallelism cuts it: together the parts give what the whole gives.
#include <algorithm>

#include "tests/kernels/lab.hpp"
#include "tests/kernels/reference.hpp"

namespace scalebench::test {

namespace {

// A vocabulary cut in parts; the last may be empty, as where padding fills it.
struct Cut {
  std::int64_t sequences, length, gap;
  std::vector<std::int64_t> widths;
};
const std::vector<Cut> kCuts = {{1, 1, 0, {1, 1}}, {2, 5, 3, {9, 8, 0}}, {3, 17, 1, {33, 32}}, {1, 64, 0, {500, 500}}};
constexpr double kScale = 0.25, kLossScale = 0.125;

std::int64_t total(const std::vector<std::int64_t>& widths) {
  std::int64_t sum = 0;
  for (const std::int64_t width : widths) sum += width;
  return sum;
}

struct PartOfLogits {
  Tensor logits, maximum, sums;
  std::int64_t first;
};

Values larger(const Values& a, const Values& b) {
  Values result(a);
  for (std::size_t i = 0; i < b.size(); ++i) result[i] = std::max(a[i], b[i]);
  return result;
}

Values added(const Values& a, const Values& b) {
  Values result(a);
  for (std::size_t i = 0; i < b.size(); ++i) result[i] += b[i];
  return result;
}

void cross_entropy_in_parts(Lab& lab, const Cut& c, DType dtype) {
  const std::int64_t rows = c.sequences * c.length, vocabulary = total(c.widths);
  const Tensor logits = lab.random(dtype, {rows, vocabulary}, 3, c.gap);
  const Tensor targets = lab.ids({c.sequences, c.length}, vocabulary, c.gap);
  const Tensor whole = lab.of(dtype, {rows, vocabulary}, lab.read(logits)), loss = lab.of(DType::f32, {1}, {0});
  const Tensor by = lab.of(DType::f32, {1}, {8});
  lab.device().run(
      CrossEntropy{.logits = whole, .targets = targets, .loss = loss, .scale = kScale, .gradient_scale = by});

  std::vector<PartOfLogits> parts;
  Values maximum(static_cast<std::size_t>(rows), -1e30), sums(static_cast<std::size_t>(2 * rows));
  for (std::int64_t first = 0; const std::int64_t width : c.widths) {
    PartOfLogits& part = parts.emplace_back(PartOfLogits{logits.slice(1, first, width), lab.empty(DType::f32, {rows}),
                                                         lab.empty(DType::f32, {2, rows}), first});
    lab.device().run(LogitMaximum{.logits = part.logits, .maximum = part.maximum});
    maximum = larger(maximum, lab.read(part.maximum));
    first += width;
  }
  for (const PartOfLogits& part : parts) {
    lab.device().write(part.maximum, maximum);
    lab.device().run(LogitSums{
        .logits = part.logits, .targets = targets, .maximum = part.maximum, .sums = part.sums, .first = part.first});
    sums = added(sums, lab.read(part.sums));
  }
  for (const PartOfLogits& part : parts) {
    const Tensor own = lab.of(DType::f32, {1}, {1});
    lab.device().write(part.sums, sums);
    lab.device().run(CrossEntropyOfPart{.logits = part.logits,
                                        .targets = targets,
                                        .maximum = part.maximum,
                                        .sums = part.sums,
                                        .loss = own,
                                        .scale = kScale,
                                        .loss_scale = kLossScale,
                                        .first = part.first,
                                        .gradient_scale = by});
    check_close({lab.scalar(own)}, {1 + lab.scalar(loss) * kLossScale / kScale}, 1e-6, "loss of a part");
  }
  check_close(lab.read(logits), lab.read(whole), tolerance(dtype, 2e-6),
              fmt::format("V {} cut in {}", vocabulary, c.widths.size()));
}

}  // namespace

BOOST_AUTO_TEST_SUITE(parts)

BOOST_AUTO_TEST_CASE(cross_entropy_of_parts_is_that_of_the_whole) {
  for_each_backend([](Lab& lab) {
    for (const Cut& cut : kCuts)
      for (const DType dtype : kFloats) cross_entropy_in_parts(lab, cut, dtype);
  });
}

BOOST_AUTO_TEST_CASE(a_logit_that_is_not_finite_shows_in_the_loss) {
  for_each_backend([](Lab& lab) {
    for (const double wrong : {std::nan(""), HUGE_VAL}) {
      const Tensor logits = lab.of(DType::f32, {1, 3}, {0, wrong, 1}), targets = lab.of(DType::i32, {1, 1}, {0});
      const Tensor maximum = lab.empty(DType::f32, {1}), sums = lab.empty(DType::f32, {2, 1});
      const Tensor loss = lab.of(DType::f32, {1}, {0});
      lab.device().run(LogitMaximum{.logits = logits, .maximum = maximum});
      lab.device().run(LogitSums{.logits = logits, .targets = targets, .maximum = maximum, .sums = sums});
      lab.device().run(CrossEntropyOfPart{.logits = logits,
                                          .targets = targets,
                                          .maximum = maximum,
                                          .sums = sums,
                                          .loss = loss,
                                          .scale = 1,
                                          .loss_scale = 1});
      BOOST_TEST(!std::isfinite(lab.scalar(loss)));
    }
  });
}

BOOST_AUTO_TEST_CASE(embeddings_of_parts_add_up_to_those_of_the_whole) {
  for_each_backend([](Lab& lab) {
    const std::int64_t vocabulary = 11, width = 33;
    const Tensor tokens = lab.ids({2, 20}, vocabulary), table = lab.random(DType::f32, {vocabulary, width});
    const Tensor whole = lab.empty(DType::f32, {40, width}), part = lab.empty(DType::f32, {40, width});
    const Tensor d_table = lab.of(DType::f32, {vocabulary, width}, Values(11 * 33)),
                 d_part = lab.of(DType::f32, {vocabulary, width}, Values(11 * 33));
    lab.device().run(Embed{.tokens = tokens, .table = table, .output = whole});
    lab.device().run(EmbedBackward{.tokens = tokens, .d_output = whole, .d_table = d_table});
    Values sum(40 * 33);
    for (const auto& [first, rows] : {std::pair<std::int64_t, std::int64_t>{0, 4}, {4, 6}, {10, 1}}) {
      lab.device().run(Embed{.tokens = tokens,
                             .table = table.slice(0, first, rows),
                             .output = part,
                             .first = first,
                             .vocabulary = vocabulary});
      lab.device().run(EmbedBackward{.tokens = tokens,
                                     .d_output = whole,
                                     .d_table = d_part.slice(0, first, rows),
                                     .first = first,
                                     .vocabulary = vocabulary});
      sum = added(sum, lab.read(part));
    }
    BOOST_TEST((sum == lab.read(whole)));
    BOOST_TEST((lab.read(d_part) == lab.read(d_table)));
  });
}

BOOST_AUTO_TEST_CASE(columns_are_drawn_as_in_the_whole_matrix) {
  for_each_backend([](Lab& lab) {
    const std::int64_t rows = 7, columns = 20, first = 6, width = 9;
    const Tensor whole = lab.empty(DType::f32, {rows * columns}), part = lab.empty(DType::f32, {rows * width});
    lab.device().run(Normal{.to = whole, .deviation = 1, .seed = 2, .stream = 3});
    const auto draw = [&](std::int64_t begin, std::int64_t count) {
      lab.device().run(Normal{.to = part.slice(0, begin, count),
                              .deviation = 1,
                              .seed = 2,
                              .stream = 3,
                              .first = static_cast<std::uint64_t>(first),
                              .width = width,
                              .pitch = columns,
                              .skip = begin});
    };
    draw(0, 25), draw(25, 1), draw(26, rows * width - 26);
    const Values all = lab.read(whole), got = lab.read(part);
    Values wanted;
    for (std::int64_t r = 0; r < rows; ++r)
      for (std::int64_t c = 0; c < width; ++c) wanted.push_back(all[static_cast<std::size_t>(r * columns + first + c)]);
    BOOST_TEST(got == wanted, boost::test_tools::per_element());
  });
}

BOOST_AUTO_TEST_CASE(a_weight_shares_out_squares) {
  for_each_backend([](Lab& lab) {
    const Tensor values = lab.of(DType::f32, {3}, {1, 2, 4}), sum = lab.of(DType::f32, {1}, {0.5});
    lab.device().run(SumOfSquares{.values = values, .total = sum, .weight = 0.25});
    BOOST_TEST(lab.scalar(sum) == 0.5 + 21.0 / 4);
  });
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace scalebench::test
