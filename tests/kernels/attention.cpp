#include <limits>

#include "tests/kernels/lab.hpp"
#include "tests/kernels/reference.hpp"

namespace scalebench::test {

namespace {

struct Case {
  std::int64_t sequences, length, heads, kv_heads, size, gap, window = 0;
};
// Ratios of 1, 3, 8; keys of one block and of several; blocks that end before, at and behind the sequence.
constexpr Case kCases[] = {
    {1, 1, 1, 1, 4, 0},
    {2, 5, 3, 1, 8, 0},
    {3, 17, 8, 1, 80, 16},
    {1, 64, 8, 8, 64, 0},
    {1, 129, 3, 3, 128, 8},
    {2, 65, 6, 2, 33, 5},
    {2, 200, 8, 1, 64, 0},
    {1, 300, 3, 1, 16, 8},
    {1, 520, 2, 2, 8, 0},
    {1, 257, 16, 2, 4, 4},
    {1, 512, 4, 1, 32, 0},
    // Sizes of tensor cores: several blocks of queries and keys, windows across them, rows that 16 bytes don't fit.
    {2, 150, 4, 2, 128, 0, 70},
    {1, 200, 4, 2, 64, 8, 65},
    {1, 70, 2, 1, 64, 3},
    // Windows of one key, of a few, of a block of keys and one beside it, of several, of all keys but one, of more.
    {2, 9, 2, 1, 8, 0, 1},
    {2, 70, 6, 2, 16, 8, 5},
    {1, 300, 3, 1, 16, 0, 33},
    {1, 600, 2, 1, 8, 0, 255},
    {1, 600, 3, 1, 8, 4, 256},
    {1, 600, 2, 2, 8, 0, 257},
    {1, 1100, 2, 1, 8, 0, 64},
    {1, 1100, 1, 1, 8, 0, 520},
    {2, 130, 8, 1, 8, 0, 129},
    {1, 65, 2, 1, 8, 0, 65},
    {1, 65, 2, 1, 8, 0, 1000}};

std::string describe(const Case& c, DType dtype) {
  return fmt::format("attention B {} T {} A {} K {} D {} gap {} window {} {}", c.sequences, c.length, c.heads,
                     c.kv_heads, c.size, c.gap, c.window, name_of(dtype));
}

reference::AttentionShape shape_of(const Case& c) {
  const auto size = [](std::int64_t n) { return static_cast<std::size_t>(n); };
  return {size(c.sequences), size(c.length), size(c.heads), size(c.kv_heads), size(c.size), size(c.window)};
}

Tensor queries(Lab& lab, const Case& c, DType dtype) {
  return lab.random(dtype, {c.sequences * c.length, c.heads, c.size}, 1, c.gap);
}

Tensor keys(Lab& lab, const Case& c, DType dtype) {
  return lab.random(dtype, {c.sequences * c.length, c.kv_heads, c.size}, 1, c.gap);
}

Attention make(Lab& lab, const Case& c, DType dtype) {
  return {.query = queries(lab, c, dtype),
          .key = keys(lab, c, dtype),
          .value = keys(lab, c, dtype),
          .output = lab.empty(dtype, {c.sequences * c.length, c.heads, c.size}, c.gap),
          .log_sum_exp = lab.empty(DType::f32, {c.sequences * c.length, c.heads}),
          .sequence = c.length,
          .scale = shape_of(c).scale(),
          .window = c.window};
}

AttentionBackward make_backward(Lab& lab, const Case& c, DType dtype) {
  const Attention op = make(lab, c, dtype);
  lab.device().run(op);
  return {.query = op.query,
          .key = op.key,
          .value = op.value,
          .output = op.output,
          .log_sum_exp = op.log_sum_exp,
          .d_output = queries(lab, c, dtype),
          .d_query = queries(lab, c, dtype),
          .d_key = keys(lab, c, dtype),
          .d_value = keys(lab, c, dtype),
          .sequence = op.sequence,
          .scale = op.scale,
          .window = op.window};
}

// In bf16 and fp16 weights are rounded before they are summed.
double most(DType dtype) { return dtype == DType::f32 ? 5e-6 : dtype == DType::bf16 ? 1.5e-2 : 2e-3; }

void check_gradients(Lab& lab, const AttentionBackward& op, const reference::AttentionGradients& wanted,
                     const std::string& what) {
  // bf16, fp16: weights and gradients of scores are rounded before they are summed.
  const DType dtype = op.query.dtype();
  const double most = dtype == DType::f32 ? 2e-5 : dtype == DType::bf16 ? 5e-2 : 6e-3;
  check_close(lab.read(op.d_query), wanted.query, most, what + ", d_query", 0.1);
  check_close(lab.read(op.d_key), wanted.key, most, what + ", d_key", 0.1);
  check_close(lab.read(op.d_value), wanted.value, most, what + ", d_value", 0.1);
}

}  // namespace

BOOST_AUTO_TEST_SUITE(attention)

BOOST_AUTO_TEST_CASE(is_the_softmax_of_earlier_keys_times_their_values) {
  for_each_backend([](Lab& lab) {
    for (const Case& c : kCases)
      for (const DType dtype : kFloats) {
        const Attention op = make(lab, c, dtype);
        lab.device().run(op);
        const auto wanted = reference::attention(shape_of(c), lab.read(op.query), lab.read(op.key), lab.read(op.value));
        check_close(lab.read(op.output), wanted.output, most(dtype), describe(c, dtype));
        check_close(lab.read(op.log_sum_exp), wanted.log_sum_exp, 5e-6, describe(c, dtype) + ", log_sum_exp");
      }
  });
}

BOOST_AUTO_TEST_CASE(reads_queries_keys_and_values_out_of_one_fused_tensor) {
  for_each_backend([](Lab& lab) {
    const Case c{2, 33, 6, 2, 8, 0};
    for (const DType dtype : kFloats) {
      Attention op = make(lab, c, dtype);
      const Tensor fused = lab.random(dtype, {66, 10 * 8});
      op.query = fused.slice(1, 0, 48).split(1, 8);
      op.key = fused.slice(1, 48, 16).split(1, 8);
      op.value = fused.slice(1, 64, 16).split(1, 8);
      lab.device().run(op);
      const auto wanted = reference::attention(shape_of(c), lab.read(op.query), lab.read(op.key), lab.read(op.value));
      check_close(lab.read(op.output), wanted.output, most(dtype), describe(c, dtype) + " fused");
    }
  });
}

BOOST_AUTO_TEST_CASE(holds_for_scores_that_overflow_an_exponential) {
  for_each_backend([](Lab& lab) {
    const Case c{1, 300, 2, 1, 8, 0};
    const Attention op = make(lab, c, DType::f32);
    Values large = lab.read(op.query);
    for (double& x : large) x *= 100;
    lab.device().write(op.query, large);
    lab.device().run(op);
    const auto wanted = reference::attention(shape_of(c), lab.read(op.query), lab.read(op.key), lab.read(op.value));
    check_close(lab.read(op.output), wanted.output, 2e-3, "output");  // scores of 1e3 have an error of 1e-4
    check_close(lab.read(op.log_sum_exp), wanted.log_sum_exp, 1e-6, "log_sum_exp");
  });
}

// As transformers' sliding_window: a key `window` positions before the query is the first that it doesn't see.
BOOST_AUTO_TEST_CASE(with_a_window_never_sees_what_lies_before_it) {
  for_each_backend([](Lab& lab) {
    const double huge = 1e20;  // fp16 has no such number
    for (const DType dtype : {DType::f32, DType::bf16}) {
      const Attention op = make(lab, {1, 700, 1, 1, 8, 0, 300}, dtype);
      lab.device().write(op.value.slice(0, 100, 1), Values(8, huge));
      lab.device().run(op);
      const Values output = lab.read(op.output);
      const auto size_at = [&](std::size_t row) { return std::abs(output[row * 8]); };
      BOOST_TEST(size_at(99) < 10);
      for (std::size_t row = 100; row < 400; ++row) BOOST_TEST_REQUIRE(size_at(row) > 1e10);
      BOOST_TEST(size_at(400) < 10);
      BOOST_TEST(size_at(699) < 10);
    }
  });
}

BOOST_AUTO_TEST_CASE(counts_the_pairs_that_a_window_leaves) {
  BOOST_TEST(visible_pairs(8, 0) == 32);
  BOOST_TEST(visible_pairs(8, 8) == 32);
  BOOST_TEST(visible_pairs(8, 9) == 32);
  for (const std::int64_t window : {1, 3, 7}) {
    double pairs = 0;
    for (std::int64_t t = 0; t < 8; ++t) pairs += static_cast<double>(std::min(t + 1, window));
    BOOST_TEST(visible_pairs(8, window) == pairs);
  }
}

BOOST_AUTO_TEST_CASE(of_nan_is_nan_for_those_who_see_it) {
  for_each_backend([](Lab& lab) {
    for (const std::size_t size : {8U, 64U})
      for (const DType dtype : kFloats) {
        const Attention op = make(lab, {1, 40, 2, 1, static_cast<std::int64_t>(size), 0}, dtype);
        lab.device().write(op.key.slice(0, 20, 1), Values(size, std::numeric_limits<double>::quiet_NaN()));
        lab.device().run(op);
        const Values output = lab.read(op.output);
        BOOST_TEST(std::isfinite(output[20 * 2 * size - 1]));
        BOOST_TEST(std::isnan(output[20 * 2 * size]));
        BOOST_TEST(std::isnan(output[40 * 2 * size - 1]));
      }
  });
}

BOOST_AUTO_TEST_CASE(backward_is_the_gradient_by_finite_differences) {
  for_each_backend([](Lab& lab) {
    for (const Case& c :
         {kCases[0], kCases[1], Case{2, 9, 6, 2, 4, 3}, Case{1, 7, 8, 1, 4, 0}, Case{2, 9, 4, 2, 4, 1, 3}})
      for (const DType dtype : kFloats) {
        const AttentionBackward op = make_backward(lab, c, dtype);
        const Values query = lab.read(op.query), key = lab.read(op.key), value = lab.read(op.value);
        const Values d_output = lab.read(op.d_output);
        const auto forward = [&](const Values& q, const Values& k, const Values& v) {
          return reference::attention(shape_of(c), q, k, v).output;
        };
        const reference::AttentionGradients wanted{
            reference::differences([&](const Values& x) { return forward(x, key, value); }, query, d_output),
            reference::differences([&](const Values& x) { return forward(query, x, value); }, key, d_output),
            reference::differences([&](const Values& x) { return forward(query, key, x); }, value, d_output)};
        lab.device().run(op);
        check_gradients(lab, op, wanted, describe(c, dtype));
        const auto textbook = reference::attention_backward(shape_of(c), query, key, value, d_output);
        check_close(textbook.query, wanted.query, 1e-7, "the reference itself, d_query", 0.1);
        check_close(textbook.key, wanted.key, 1e-7, "the reference itself, d_key", 0.1);
        check_close(textbook.value, wanted.value, 1e-7, "the reference itself, d_value", 0.1);
      }
  });
}

BOOST_AUTO_TEST_CASE(backward_is_the_textbooks_gradient_at_all_sizes) {
  for_each_backend([](Lab& lab) {
    for (const Case& c : kCases)
      for (const DType dtype : kFloats) {
        const AttentionBackward op = make_backward(lab, c, dtype);
        const auto wanted = reference::attention_backward(shape_of(c), lab.read(op.query), lab.read(op.key),
                                                          lab.read(op.value), lab.read(op.d_output));
        lab.device().run(op);
        check_gradients(lab, op, wanted, describe(c, dtype));
      }
  });
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace scalebench::test
