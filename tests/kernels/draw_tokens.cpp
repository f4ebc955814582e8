#include <algorithm>
#include <limits>
#include <numeric>

#include "base/random.hpp"
#include "tests/kernels/lab.hpp"

namespace scalebench::test {

namespace {

struct Case {
  std::int64_t parts, width, vocabulary, rows;
  double temperature;
  std::int64_t top_k;
  double top_p, deviation = 1;
};
constexpr Case kCases[] = {
    {1, 1, 1, 2, 1, 0, 1},          {1, 37, 37, 5, 0, 0, 1},        {3, 13, 37, 5, 0, 0, 1},
    {1, 2500, 2500, 7, 1, 0, 1},    {2, 1300, 2500, 7, 0.7, 1, 1},  {2, 1300, 2500, 9, 0.7, 20, 1},
    {2, 1300, 2500, 9, 2, 3000, 1}, {1, 500, 500, 9, 1, 0, 0.9},    {4, 130, 500, 9, 0.6, 20, 0.95},
    {1, 500, 500, 9, 1, 0, 1e-9},   {1, 500, 500, 9, 1, 400, 0.99}, {1, 500, 500, 9, 1, 0, 0.9, 1e-3},
    {1, 500, 500, 9, 1, 50, 0.5, 9}};

std::string describe(const Case& c, DType dtype) {
  return fmt::format("draw_tokens {} parts of {} vocabulary {} temperature {} top_k {} top_p {} deviation {} {}",
                     c.parts, c.width, c.vocabulary, c.temperature, c.top_k, c.top_p, c.deviation, name_of(dtype));
}

// Ids that may be drawn, best first, and their weights.
struct Candidates {
  std::vector<std::size_t> ids;
  Values weights;
  double total() const { return std::accumulate(weights.begin(), weights.end(), 0.0); }
};

Candidates candidates_of(const Case& c, const Values& logits) {
  Candidates all{std::vector<std::size_t>(logits.size()), {}};
  std::iota(all.ids.begin(), all.ids.end(), std::size_t{0});
  std::stable_sort(all.ids.begin(), all.ids.end(), [&](std::size_t a, std::size_t b) { return logits[a] > logits[b]; });
  if (c.top_k > 0) all.ids.resize(std::min(all.ids.size(), static_cast<std::size_t>(c.top_k)));
  for (const std::size_t id : all.ids)
    all.weights.push_back(std::exp((logits[id] - logits[all.ids[0]]) / c.temperature));
  const double total = all.total();
  double sum = 0;
  std::size_t kept = 0;
  while (kept < all.ids.size() && (kept == 0 || sum < c.top_p * total)) sum += all.weights[kept++];
  all.ids.resize(kept), all.weights.resize(kept);
  return all;
}

// Whether `id` is what `uniform` draws, up to what rounding of the weights moves its borders.
bool is_drawn(const Candidates& from, std::size_t id, double uniform) {
  double before = 0, own = 0;
  for (std::size_t i = 0; i < from.ids.size(); ++i) {
    if (from.ids[i] < id) before += from.weights[i];
    if (from.ids[i] == id) own = from.weights[i];
  }
  const double wanted = uniform * from.total(), slack = 1e-6 * from.total();
  return own > 0 && wanted >= before - slack && wanted <= before + own + slack;
}

Values row_of(const Case& c, const Values& logits, std::int64_t s) {
  Values row;
  for (std::int64_t id = 0; id < c.vocabulary; ++id)
    row.push_back(logits[static_cast<std::size_t>((id / c.width * c.rows + s) * c.width + id % c.width)]);
  return row;
}

DrawTokens make(Lab& lab, const Case& c, DType dtype) {
  Tensor logits = lab.random(dtype, {c.parts * c.rows, c.width}, c.deviation, 3);
  lab.device().write(logits.slice(0, (c.parts - 1) * c.rows, c.rows)
                         .slice(1, c.vocabulary - (c.parts - 1) * c.width, c.parts * c.width - c.vocabulary),
                     Values(static_cast<std::size_t>((c.parts * c.width - c.vocabulary) * c.rows), 1e30));
  return {.logits = lab.of(dtype, {c.parts * c.rows * c.width}, lab.read(logits)).reshaped({c.parts, c.rows, c.width}),
          .requests = lab.ids({c.rows}, 100),
          .positions = lab.ids({c.rows}, 5000),
          .tokens = lab.empty(DType::i32, {c.rows}),
          .vocabulary = c.vocabulary,
          .temperature = c.temperature,
          .top_k = c.top_k,
          .top_p = c.top_p,
          .seed = 11};
}

}  // namespace

BOOST_AUTO_TEST_SUITE(draw_tokens)

BOOST_AUTO_TEST_CASE(inverts_the_running_sum_of_the_candidates) {
  for_each_backend([](Lab& lab) {
    for (const Case& c : kCases)
      for (const DType dtype : kFloats) {
        const DrawTokens op = make(lab, c, dtype);
        lab.device().run(op);
        const Values tokens = lab.read(op.tokens), requests = lab.read(op.requests), positions = lab.read(op.positions);
        for (std::size_t s = 0; s < tokens.size(); ++s) {
          const Values row = row_of(c, lab.read(op.logits), static_cast<std::int64_t>(s));
          const auto id = static_cast<std::size_t>(tokens[s]);
          if (c.temperature == 0) {
            BOOST_TEST(id == static_cast<std::size_t>(std::max_element(row.begin(), row.end()) - row.begin()));
            continue;
          }
          const double uniform = random_uniform(random_bits(11, static_cast<std::uint64_t>(requests[s])),
                                                static_cast<std::uint64_t>(positions[s]));
          BOOST_TEST(is_drawn(candidates_of(c, row), id, uniform), describe(c, dtype) << ", row " << s << ": " << id);
        }
      }
  });
}

BOOST_AUTO_TEST_CASE(of_equal_logits_takes_the_first) {
  for_each_backend([](Lab& lab) {
    const Case c{1, 64, 64, 300, 1, 0, 1};
    DrawTokens op = make(lab, c, DType::f32);
    lab.device().write(op.logits, Values(64 * 300, -0.5));
    const auto highest = [&](std::int64_t top_k, double top_p, double temperature) {
      op.top_k = top_k, op.top_p = top_p, op.temperature = temperature;
      lab.device().run(op);
      const Values tokens = lab.read(op.tokens);
      return *std::max_element(tokens.begin(), tokens.end());
    };
    BOOST_TEST(highest(0, 1, 0) == 0);
    BOOST_TEST(highest(0, 1, 1) == 63);
    BOOST_TEST(highest(5, 1, 1) == 4);
    BOOST_TEST(highest(0, 0.25, 1) == 15);
    BOOST_TEST(highest(8, 0.5, 1) == 3);
  });
}

BOOST_AUTO_TEST_CASE(draws_as_often_as_the_weights_say) {
  for_each_backend([](Lab& lab) {
    const std::int64_t rows = 20'000;
    DrawTokens op = make(lab, {1, 4, 4, rows, 1, 0, 1}, DType::f32);
    Values logits, positions, counts(4);
    for (std::int64_t s = 0; s < rows; ++s) {
      for (const double weight : {1.0, 2.0, 3.0, 4.0}) logits.push_back(std::log(weight));
      positions.push_back(static_cast<double>(s));
    }
    lab.device().write(op.logits, logits);
    lab.device().write(op.positions, positions);
    lab.device().write(op.requests, Values(positions.size(), 3));
    lab.device().run(op);
    for (const double token : lab.read(op.tokens)) counts.at(static_cast<std::size_t>(token)) += 1;
    for (std::size_t id = 0; id < 4; ++id)
      BOOST_TEST(std::abs(counts[id] / static_cast<double>(rows) - 0.1 * static_cast<double>(id + 1)) < 0.015);
  });
}

BOOST_AUTO_TEST_CASE(gives_no_token_where_logits_are_no_numbers) {
  for_each_backend([](Lab& lab) {
    const double infinity = std::numeric_limits<double>::infinity();
    for (const DType dtype : kFloats)
      for (const double temperature : {0.0, 1.0}) {
        DrawTokens op = make(lab, {1, 40, 40, 4, temperature, 5, 0.9}, dtype);
        Values logits(160, -1);
        logits[7] = std::numeric_limits<double>::quiet_NaN();
        logits[40 + 39] = infinity;
        std::fill_n(logits.begin() + 80, 40, -infinity);
        std::fill_n(logits.begin() + 121, 39, -infinity);
        lab.device().write(op.logits, logits);
        lab.device().run(op);
        BOOST_TEST((lab.read(op.tokens) == Values{-1, -1, -1, 0}));
      }
  });
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace scalebench::test
