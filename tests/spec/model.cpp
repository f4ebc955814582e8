#include "spec/model.hpp"

#include <fmt/format.h>

#include "spec/catalogue.hpp"
#include "tests/spec/refusal.hpp"

namespace scalebench {

BOOST_AUTO_TEST_SUITE(model)

BOOST_AUTO_TEST_CASE(parameter_counts_are_the_published_ones) {
  const std::pair<const char*, std::int64_t> counts[] = {
      {"llama3-70b", 70'553'706'496}, {"llama3-8b", 8'030'261'248},   {"llama3.1-405b", 405'853'388'800},
      {"llama2-7b", 6'738'415'616},   {"llama2-13b", 13'015'864'320}, {"llama2-70b", 68'976'648'192},
      {"qwen3-8b", 8'190'735'360},    {"qwen3-32b", 32'762'123'264},  {"mistral-7b", 7'248'023'552},
      {"gpt3-175b", 174'604'259'328},
  };
  for (const auto& [name, count] : counts)
    BOOST_TEST_CONTEXT(name) BOOST_TEST(parameter_count(find_model(name)) == count);
}

// Narayanan et al. 2021, table 1, in billions.
BOOST_AUTO_TEST_CASE(megatrons_models_have_the_parameters_of_its_table) {
  for (const char* billions : {"1.7", "3.6", "7.5", "18.4", "39.1", "76.1", "145.6", "310.1", "529.6"})
    BOOST_TEST(fmt::format("{:.1f}",
                           static_cast<double>(parameter_count(find_model(fmt::format("gpt-{}b", billions)))) / 1e9) ==
               billions);
  BOOST_TEST(fmt::format("{:.1f}", static_cast<double>(parameter_count(find_model("gpt-1t"))) / 1e9) == "1008.0");
}

// 1, 2, 2 and 2 keys of a window of 2.
BOOST_AUTO_TEST_CASE(a_window_leaves_its_pairs) {
  BOOST_TEST(keys_per_query(4, 0) == 2.0);
  BOOST_TEST(keys_per_query(4, 4) == 2.0);
  BOOST_TEST(keys_per_query(4, 9) == 2.0);
  BOOST_TEST(keys_per_query(4, 2) == 1.75);
  ModelSpec m = find_model("mistral-7b");
  const FlopsPerToken open = training_flops_per_token(m, 8192);
  m.window = 4096;
  const FlopsPerToken windowed = training_flops_per_token(m, 8192);
  BOOST_TEST(open.megatron - windowed.megatron == 12.0 * 32 * 4096 * (4096 - 3072.25));
  BOOST_TEST(open.non_causal == windowed.non_causal);
}

BOOST_AUTO_TEST_CASE(tied_embeddings_are_counted_once) {
  ModelSpec m = find_model("llama3-8b");
  const std::int64_t untied = parameter_count(m);
  m.tied_embeddings = true;
  BOOST_TEST(untied - parameter_count(m) == m.vocabulary * m.hidden);
}

// The head is a product whether or not its matrix is the embedding's.
BOOST_AUTO_TEST_CASE(tying_embeddings_changes_no_flops_of_the_products) {
  ModelSpec m = find_model("llama3-8b");
  const FlopsPerToken untied = training_flops_per_token(m, 2048);
  m.tied_embeddings = true;
  const FlopsPerToken tied = training_flops_per_token(m, 2048);
  BOOST_TEST(tied.megatron == untied.megatron);
  BOOST_TEST(tied.non_causal == untied.non_causal);
  BOOST_TEST(untied.six_n - tied.six_n == 6.0 * static_cast<double>(m.vocabulary * m.hidden));
}

ModelSpec llama3_1() {
  ModelSpec m = find_model("llama3-8b");
  m.rope_scaling = {
      .type = RopeType::llama3, .factor = 8, .low_frequency = 1, .high_frequency = 4, .original_sequence = 8192};
  return m;
}

// Computed by transformers 5.23 in fp32 (ROPE_INIT_FUNCTIONS["llama3"]): what stays, what is interpolated, what is
// slow.
BOOST_AUTO_TEST_CASE(frequencies_of_llama_3_1_are_transformers) {
  const std::pair<std::size_t, double> expected[] = {{0, 1},
                                                     {1, 0.814617217},
                                                     {28, 0.00321144611},
                                                     {29, 0.00216657063},
                                                     {31, 0.00085675146},
                                                     {34, 0.000178507791},
                                                     {35, 9.55621217e-05},
                                                     {63, 3.06892588e-07}};
  const std::vector<double> frequencies = rope_frequencies(llama3_1());
  BOOST_TEST(frequencies.size() == 64u);
  for (const auto& [pair, frequency] : expected)
    BOOST_TEST(frequencies[pair] == frequency, boost::test_tools::tolerance(5e-7));
}

BOOST_AUTO_TEST_CASE(linear_scaling_divides_all_frequencies) {
  ModelSpec m = find_model("llama3-8b");
  const std::vector<double> plain = rope_frequencies(m);
  m.rope_scaling = {.type = RopeType::linear, .factor = 4};
  const std::vector<double> slowed = rope_frequencies(m);
  BOOST_TEST(plain.front() == 1.0);
  for (std::size_t i = 0; i < plain.size(); ++i) BOOST_TEST(slowed[i] == plain[i] / 4);
}

// GFLOP per token, to the digit that is printed: megatron, non-causal, 6N.
BOOST_AUTO_TEST_CASE(flops_per_token_are_the_stated_ones) {
  struct Row {
    const char* model;
    std::int64_t sequence;
    const char* expected;
  };
  constexpr Row rows[] = {
      {"llama3-70b", 2048, "425.1 433.1 423.3"}, {"llama3-70b", 4096, "433.1 449.2 423.3"},
      {"llama3-70b", 8192, "449.2 481.4 423.3"}, {"llama3-70b", 131072, "932.4 1447.8 423.3"},
      {"llama3-8b", 8192, "51.5 57.9 48.2"},     {"qwen3-8b", 8192, "52.7 59.9 49.1"},
  };
  for (const Row& row : rows) {
    const FlopsPerToken flops = training_flops_per_token(find_model(row.model), row.sequence);
    BOOST_TEST(fmt::format("{:.1f} {:.1f} {:.1f}", flops.megatron / 1e9, flops.non_causal / 1e9, flops.six_n / 1e9) ==
               row.expected);
  }
}

BOOST_AUTO_TEST_CASE(the_layers_forward_and_the_head_make_a_third_of_the_training_flops) {
  const ModelSpec m = find_model("llama3-8b");
  const double forward = static_cast<double>(m.layers) * layer_forward_flops_per_token(m, 4096) +
                         2.0 * static_cast<double>(m.vocabulary * m.hidden);
  BOOST_TEST(3 * forward == training_flops_per_token(m, 4096).megatron, boost::test_tools::tolerance(1e-12));
}

BOOST_AUTO_TEST_CASE(cutting_the_depth_takes_whole_layers) {
  const ModelSpec full = find_model("llama3-70b"), cut = with_layers(full, 7);
  BOOST_TEST(cut.layers == 7);
  BOOST_TEST(parameter_count(full) - parameter_count(cut) == 73 * layer_parameter_count(full));
  expect_refusal([&] { with_layers(full, 81); }, "from 1 to 80");
  expect_refusal([&] { with_layers(full, 0); }, "from 1 to 80");
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace scalebench
