#include "spec/shrink.hpp"

#include <algorithm>
#include <set>

#include "spec/catalogue.hpp"
#include "tests/spec/refusal.hpp"

namespace scalebench {

namespace {

ParallelPlan plan_of(std::int64_t sequence, int dp = 16) {
  return {.dp = dp,
          .shard = Shard::parameters,
          .global_batch = dp,
          .sequence = sequence,
          .dtype = DType::bf16,
          .recompute = Recompute::full};
}

double flops_at(const Rung& rung, ParallelPlan plan) {
  plan.sequence = rung.sequence;
  return step_flops(rung.model, plan);
}

const auto kAlways = [](const Rung&) { return true; };

}  // namespace

BOOST_AUTO_TEST_SUITE(shrink)

BOOST_AUTO_TEST_CASE(rungs_keep_the_rows_that_sequence_parallelism_shares_out) {
  for (const int tp : {2, 3, 6})
    for (const std::int64_t sequence : {130, 2046, 4096}) {
      ParallelPlan plan = plan_of(sequence - sequence % tp, 1);
      plan.tp = tp, plan.sequence_parallel = true;
      const auto ladder = shrink_ladder(find_model("llama3-70b"), plan);
      for (const Rung& rung : ladder) BOOST_CHECK_EQUAL(rung.sequence % tp, 0);
      BOOST_CHECK_LE(ladder.back().sequence, 64 + tp);
    }
}

BOOST_AUTO_TEST_CASE(rungs_keep_the_sizes_that_products_of_few_bits_take) {
  for (const Products products : {Products::fp8_tensor, Products::nvfp4})
    for (const int tp : {1, 4}) {
      ParallelPlan plan = plan_of(4000, 1);
      plan.tp = tp, plan.sequence_parallel = tp > 1, plan.products = products;
      for (const Rung& rung : shrink_ladder(find_model("llama3-70b"), plan)) {
        plan.sequence = rung.sequence;
        BOOST_TEST(products_suit(plan, rung.model), rung.name);
      }
    }
}

BOOST_AUTO_TEST_CASE(the_ladder_of_the_70b_model_is_the_stated_one) {
  const auto ladder = shrink_ladder(find_model("llama3-70b"), plan_of(4096));
  std::vector<std::string> names;
  for (const Rung& rung : ladder) names.push_back(rung.name);
  const std::vector<std::string> expected = {"",
                                             "L40-H8192-V128256-T4096",
                                             "L20-H8192-V128256-T4096",
                                             "L10-H8192-V128256-T4096",
                                             "L5-H8192-V128256-T4096",
                                             "L4-H8192-V128256-T4096",
                                             "L4-H4096-V128256-T4096",
                                             "L4-H2048-V128256-T4096",
                                             "L4-H1024-V128256-T4096",
                                             "L4-H1024-V64128-T4096",
                                             "L4-H1024-V32064-T4096",
                                             "L4-H1024-V16032-T4096",
                                             "L4-H1024-V8016-T4096",
                                             "L4-H1024-V4008-T4096",
                                             "L4-H1024-V2048-T4096",
                                             "L4-H1024-V2048-T2048",
                                             "L4-H1024-V2048-T1024",
                                             "L4-H1024-V2048-T512",
                                             "L4-H1024-V2048-T256",
                                             "L4-H1024-V2048-T128",
                                             "L4-H1024-V2048-T64"};
  BOOST_TEST(names == expected, boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(every_rung_keeps_what_it_must) {
  for (const char* name : {"llama3-70b", "llama3-8b", "tiny-llama", "qwen3-32b", "mistral-7b", "gpt3-175b", "gpt-1t"}) {
    const ModelSpec full = find_model(name);
    const std::int64_t sequence = std::min<std::int64_t>(4096, full.max_sequence);
    for (const Rung& rung : shrink_ladder(full, plan_of(sequence))) {
      BOOST_TEST_CONTEXT(name << " " << rung.name) {
        const ModelSpec& m = rung.model;
        BOOST_TEST(m.head_dim == full.head_dim);
        BOOST_TEST(m.heads * full.kv_heads == full.heads * m.kv_heads);
        BOOST_TEST(m.hidden * full.heads == full.hidden * m.heads);
        BOOST_TEST(m.feed_forward * full.hidden == full.feed_forward * m.hidden);
        BOOST_TEST((m.kv_heads >= 1 && m.layers >= 4 && rung.sequence >= 64));
        BOOST_TEST(m.vocabulary >= std::min<std::int64_t>(2048, full.vocabulary));
        BOOST_TEST(m.max_sequence == full.max_sequence);
        BOOST_TEST(m.rope_theta == full.rope_theta);
      }
    }
  }
}

BOOST_AUTO_TEST_CASE(stages_and_tensor_parallel_ranks_keep_their_share) {
  ParallelPlan plan = plan_of(4096);
  plan.tp = 2, plan.pp = 8;
  const Rung smallest = shrink_ladder(find_model("llama3-70b"), plan).back();
  BOOST_TEST(smallest.model.layers == 8);
  BOOST_TEST(smallest.model.kv_heads == 2);
  plan.virtual_stages = 3;
  BOOST_TEST(shrink_ladder(find_model("llama3-70b"), plan).back().model.layers == 24);
}

// The heads end where each rank has one; the width around them must not.
BOOST_AUTO_TEST_CASE(eight_tensor_parallel_ranks_get_a_small_model_too) {
  ParallelPlan plan = plan_of(4096, 2);
  plan.tp = 8;
  const Rung smallest = shrink_ladder(find_model("llama3-70b"), plan).back();
  BOOST_TEST(smallest.name == "L4-H1024-V2048-T64");
  BOOST_TEST(smallest.model.kv_heads == 8);
  BOOST_TEST(smallest.model.heads == 64);
  BOOST_TEST(smallest.model.feed_forward == 3584);
  BOOST_CHECK_NO_THROW(choose_rung(find_model("llama3-70b"), plan, kShrinkBudget, kAlways));
}

// What a family is made of stays; only sizes change.
BOOST_AUTO_TEST_CASE(a_shrunk_model_is_of_its_family) {
  for (const char* name : {"qwen3-8b", "gpt3-175b"}) {
    const ModelSpec full = find_model(name);
    ModelSpec m = shrink_ladder(full, plan_of(2048)).back().model;
    m.layers = full.layers, m.hidden = full.hidden, m.feed_forward = full.feed_forward, m.heads = full.heads;
    m.kv_heads = full.kv_heads, m.vocabulary = full.vocabulary;
    BOOST_TEST((m == full));
  }
}

BOOST_AUTO_TEST_CASE(flops_and_parameters_fall_from_rung_to_rung) {
  for (const char* name : {"llama3-70b", "llama3-8b"}) {
    const auto ladder = shrink_ladder(find_model(name), plan_of(4096));
    for (std::size_t i = 1; i < ladder.size(); ++i) {
      BOOST_TEST(flops_at(ladder[i], plan_of(4096)) < flops_at(ladder[i - 1], plan_of(4096)));
      BOOST_TEST(parameter_count(ladder[i].model) <= parameter_count(ladder[i - 1].model));
    }
  }
}

BOOST_AUTO_TEST_CASE(each_rung_is_found_again_by_its_name) {
  const ModelSpec full = find_model("llama3-70b");
  std::set<std::string> names;
  for (const Rung& rung : shrink_ladder(full, plan_of(4096))) {
    const Rung again = rung_named(full, plan_of(4096), rung.name);
    BOOST_TEST((again.model == rung.model && again.sequence == rung.sequence));
    BOOST_TEST(names.insert(rung.name).second);
  }
  expect_refusal([&] { rung_named(full, plan_of(4096), "L3-H1-V2-T5"); }, "has no form L3-H1-V2-T5");
  expect_refusal([&] { rung_named(full, plan_of(2048), "L4-H1024-V2048-T4096"); }, "another model, depth or sequence");
}

// All sequences of a step, and the forward of the layers once more where activations are computed again.
BOOST_AUTO_TEST_CASE(a_step_counts_all_sequences_and_the_recomputation) {
  const ModelSpec m = find_model("llama3-8b");
  ParallelPlan plan{.dp = 4, .global_batch = 32, .sequence = 2048};
  const double tokens = 32.0 * 2048.0;
  const double plain = tokens * training_flops_per_token(m, 2048).megatron;
  BOOST_TEST(step_flops(m, plan) == plain, boost::test_tools::tolerance(1e-12));
  plan.recompute = Recompute::full;
  BOOST_TEST(step_flops(m, plan) - plain == tokens * 32.0 * layer_forward_flops_per_token(m, 2048),
             boost::test_tools::tolerance(1e-9));
}

BOOST_AUTO_TEST_CASE(the_first_rung_within_budget_that_fits_is_chosen) {
  const ModelSpec full = find_model("llama3-70b");
  const ParallelPlan plan = plan_of(4096, 2);
  const auto ladder = shrink_ladder(full, plan);
  BOOST_TEST(choose_rung(full, plan, 1e30, kAlways).name.empty());
  BOOST_TEST(choose_rung(full, plan, flops_at(ladder[6], plan), kAlways).name == ladder[6].name);
  const auto from_nine = [&](const Rung& rung) {
    return parameter_count(rung.model) <= parameter_count(ladder[9].model);
  };
  BOOST_TEST(choose_rung(full, plan, 1e30, from_nine).name == ladder[9].name);
  BOOST_TEST(choose_rung(full, plan, flops_at(ladder[11], plan), from_nine).name == ladder[11].name);
}

BOOST_AUTO_TEST_CASE(the_budget_is_enough_for_a_rung_on_a_few_ranks) {
  for (const int ranks : {1, 2, 4, 16}) {
    const Rung rung = choose_rung(find_model("llama3-70b"), plan_of(4096, ranks), kShrinkBudget, kAlways);
    BOOST_TEST(!rung.name.empty());
    BOOST_TEST(flops_at(rung, plan_of(4096, ranks)) <= kShrinkBudget);
  }
}

BOOST_AUTO_TEST_CASE(a_sequence_for_each_of_many_ranks_is_allowed_and_no_more) {
  const ModelSpec full = find_model("llama3-70b");
  for (const int ranks : {64, 1024})
    BOOST_TEST(choose_rung(full, plan_of(4096, ranks), kShrinkBudget, kAlways).name == "L4-H1024-V2048-T64");
  ParallelPlan two_each = plan_of(4096, 64);
  two_each.global_batch = 128;
  expect_refusal([&] { choose_rung(full, two_each, kShrinkBudget, kAlways); }, "lower --global-batch", Exit::unfit);
}

BOOST_AUTO_TEST_CASE(where_none_fits_the_needs_of_the_smallest_are_said) {
  const ModelSpec full = find_model("llama3-70b");
  ParallelPlan long_step = plan_of(4096);
  long_step.global_batch = 160;
  const auto choose = [&] { choose_rung(full, long_step, 1e6, kAlways); };
  expect_refusal(choose, "L4-H1024-V2048-T64, needs 4.53 TFLOP a step of 160 sequences", Exit::unfit);
  expect_refusal(choose, "453 GFLOP are allowed", Exit::unfit);
  expect_refusal([&] { choose_rung(full, plan_of(4096), 1e30, [](const Rung&) { return false; }); },
                 "does not fit in memory", Exit::unfit);
  expect_refusal([&] { choose_rung(full, plan_of(4096), 1e30, [](const Rung&) { return false; }); },
                 "needs at least 57.7 MB per rank", Exit::unfit);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace scalebench
