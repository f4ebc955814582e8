#include "tests/kernels/paged.hpp"

namespace scalebench::test {

namespace {

// Ratios of 1, 2, 3, 4, 8; one row, few and many, of sequences that begin here or have a context, in one call; blocks
// of 1, of an odd number and of 16 positions; windows that leave blocks behind.
const PagedCase kCases[] = {{{{1, 1}}, 1, 1, 4, 16},
                            {{{1, 1}, {1, 2}, {1, 17}}, 3, 1, 8, 16, 3},
                            {{{1, 2048}}, 4, 2, 64, 16},
                            {{{1, 500}, {1, 3}, {1, 129}}, 16, 4, 128, 16},
                            {{{1, 300}, {1, 64}}, 8, 1, 80, 5, 16},
                            {{{1, 77}}, 2, 2, 33, 1, 1},
                            {{{5, 5}, {3, 20}, {0, 9}, {1, 33}}, 6, 3, 16, 16},
                            {{{40, 40}, {1, 100}, {17, 300}}, 4, 2, 64, 16, 8},
                            {{{130, 700}}, 8, 2, 32, 16},
                            {{{300, 513}, {1, 1000}, {2, 600}}, 4, 1, 16, 16},
                            {{{33, 65}}, 3, 3, 33, 7, 2},
                            {{{1, 300}, {1, 40}}, 4, 2, 64, 16, 0, 33},
                            {{{1, 300}, {20, 300}}, 4, 2, 32, 16, 0, 1},
                            {{{64, 600}, {1, 600}, {9, 9}}, 2, 1, 16, 16, 4, 100},
                            {{{70, 900}}, 2, 2, 8, 16, 0, 300},
                            {{{1, 65}, {65, 65}}, 2, 1, 8, 16, 0, 1000}};

std::string describe(const PagedCase& c, DType dtype, DType cache) {
  std::string what = fmt::format("paged attention A {} K {} D {} P {} gap {} window {} {} {} (rows, length)", c.heads,
                                 c.kv_heads, c.size, c.block, c.gap, c.window, name_of(dtype), name_of(cache));
  for (const PagedSequence& s : c.sequences) what += fmt::format(" ({}, {})", s.rows, s.length);
  return what;
}

double dot(const Values& a, std::size_t i, const Values& b, std::size_t j, std::int64_t size) {
  double sum = 0;
  for (std::size_t d = 0; d < static_cast<std::size_t>(size); ++d) sum += a[i + d] * b[j + d];
  return sum;
}

Values reference(const PagedCase& c, const Values& query, const Cache& keys, const Cache& values) {
  Values output;
  std::size_t row = 0;
  for (std::size_t s = 0; s < c.sequences.size(); ++s)
    for (std::int64_t n = 0; n < c.sequences[s].rows; ++n, ++row)
      for (std::int64_t head = 0; head < c.heads; ++head) {
        const std::int64_t end = c.sequences[s].length - c.sequences[s].rows + n + 1,
                           kv = head / (c.heads / c.kv_heads);
        const std::int64_t begin = c.window == 0 ? 0 : std::max<std::int64_t>(end - c.window, 0);
        const std::size_t from = (row * static_cast<std::size_t>(c.heads) + static_cast<std::size_t>(head)) *
                                 static_cast<std::size_t>(c.size);
        Values sums(static_cast<std::size_t>(c.size));
        double total = 0;
        for (std::int64_t key = begin; key < end; ++key) {
          const double score = dot(query, from, keys.values(), keys.place_of(s, key, kv), c.size);
          const double weight = std::exp(score / std::sqrt(static_cast<double>(c.size)));
          total += weight;
          for (std::size_t d = 0; d < sums.size(); ++d)
            sums[d] += weight * values.values()[values.place_of(s, key, kv) + d];
        }
        for (const double sum : sums) output.push_back(sum / total);
      }
  return output;
}

PagedAttention make(Lab& lab, const PagedCase& c, DType dtype, const Cache& keys, const Cache& values) {
  Values starts{0}, lengths;
  for (const PagedSequence& s : c.sequences) {
    starts.push_back(starts.back() + static_cast<double>(s.rows));
    lengths.push_back(static_cast<double>(s.length));
  }
  const auto count = static_cast<std::int64_t>(lengths.size());
  return {.query = lab.random(dtype, {c.rows(), c.heads, c.size}, 1, c.gap),
          .key_cache = keys.tensor(),
          .value_cache = values.tensor(),
          .starts = lab.of(DType::i32, {count + 1}, starts),
          .lengths = lab.of(DType::i32, {count}, lengths),
          .blocks = lab.of(DType::i32, {count, c.most_blocks()}, keys.table(), c.gap),
          .output = lab.empty(dtype, {c.rows(), c.heads, c.size}, c.gap),
          .scale = 1 / std::sqrt(static_cast<double>(c.size)),
          .window = c.window};
}

// In bf16 weights are rounded before they are summed; for queries of bf16, keys and values of fp32 are as well.
double most(DType dtype, DType cache) {
  if (dtype == DType::bf16) return cache == DType::bf16 ? 1.5e-2 : 3e-2;
  return dtype == DType::f16 ? 2e-3 : 5e-6;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(paged_attention)

BOOST_AUTO_TEST_CASE(is_the_softmax_of_earlier_keys_times_their_values_wherever_they_lie) {
  for_each_backend([](Lab& lab) {
    for (const PagedCase& c : kCases)
      for (const DType dtype : kFloats)
        for (const DType of_cache : kFloats) {
          const Cache keys(lab, c, of_cache), values(lab, c, of_cache);
          const PagedAttention op = make(lab, c, dtype, keys, values);
          lab.device().run(op);
          check_close(lab.read(op.output), reference(c, lab.read(op.query), keys, values), most(dtype, of_cache),
                      describe(c, dtype, of_cache));
        }
  });
}

// Rows that decode alone or beside others, and on any number of threads, give the same bits.
BOOST_AUTO_TEST_CASE(of_one_row_depends_on_no_other_sequence_and_no_number_of_threads) {
  for (const DType dtype : kFloats) {
    Values first;
    for_each_backend([&](Lab& lab) {
      const PagedCase c{{{1, 900}, {1, 77}, {30, 400}}, 8, 2, 64, 16};
      const Cache keys(lab, c, dtype), values(lab, c, dtype);
      PagedAttention op = make(lab, c, dtype, keys, values);
      lab.device().run(op);
      const Values together = lab.read(op.output.slice(0, 0, 1));
      if (first.empty()) first = together;
      BOOST_TEST((together == first), "with other threads");
      op.starts = op.starts.slice(0, 0, 2), op.lengths = op.lengths.slice(0, 0, 1);
      op.blocks = op.blocks.slice(0, 0, 1), op.query = op.query.slice(0, 0, 1), op.output = op.output.slice(0, 0, 1);
      op.most_rows = 1;
      lab.device().run(op);
      BOOST_TEST((lab.read(op.output) == first), "alone");
    });
  }
}

BOOST_AUTO_TEST_CASE(holds_for_scores_that_overflow_an_exponential) {
  for_each_backend([](Lab& lab) {
    for (const PagedSequence sequence : {PagedSequence{1, 300}, PagedSequence{40, 300}}) {
      const PagedCase c{{sequence}, 2, 1, 8, 16};
      const Cache keys(lab, c, DType::f32), values(lab, c, DType::f32);
      const PagedAttention op = make(lab, c, DType::f32, keys, values);
      Values large = lab.read(op.query);
      for (double& x : large) x *= 100;
      lab.device().write(op.query, large);
      lab.device().run(op);
      check_close(lab.read(op.output), reference(c, lab.read(op.query), keys, values), 2e-3,
                  describe(c, DType::f32, DType::f32));
    }
  });
}

BOOST_AUTO_TEST_CASE(of_nan_is_nan_for_those_who_see_it) {
  for_each_backend([](Lab& lab) {
    for (const DType dtype : kFloats) {
      const PagedCase c{{{1, 60}, {40, 60}, {1, 60}}, 2, 1, 8, 16};
      const Cache keys(lab, c, dtype), values(lab, c, dtype);
      const PagedAttention op = make(lab, c, dtype, keys, values);
      for (const std::size_t s : {0UL, 1UL})
        lab.device().write(op.key_cache.slice(0, keys.block_of(s, 30), 1).slice(2, 14, 1),
                           Values(8, std::numeric_limits<double>::quiet_NaN()));
      lab.device().run(op);
      const Values output = lab.read(op.output);
      BOOST_TEST(std::isnan(output[0]));
      BOOST_TEST(std::isfinite(output[11 * 16 - 1]));  // sees positions up to 29
      BOOST_TEST(std::isnan(output[11 * 16]));
      BOOST_TEST(std::isfinite(output[41 * 16]));
    }
  });
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace scalebench::test
