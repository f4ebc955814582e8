#include "spec/plan.hpp"

#include "spec/catalogue.hpp"
#include "tests/spec/refusal.hpp"

namespace scalebench {

namespace {

const ParallelPlan kGood{.dp = 4, .micro_batch = 2, .global_batch = 16, .sequence = 128};

void expect_plan_refused(auto&& change, const std::string& part, int ranks = 4) {
  ParallelPlan plan = kGood;
  change(plan);
  expect_refusal([&] { validate(plan, find_model("tiny-llama"), ranks); }, part);
}

}  // namespace

BOOST_AUTO_TEST_SUITE(plan)

BOOST_AUTO_TEST_CASE(a_plan_that_fits_is_taken) {
  BOOST_CHECK_NO_THROW(validate(kGood, find_model("tiny-llama"), 4));
  BOOST_TEST(kGood.accumulation() == 2);
}

BOOST_AUTO_TEST_CASE(a_wrong_product_names_product_and_divisors) {
  expect_plan_refused([](ParallelPlan& p) { p.dp = 3; }, "dp 3 x tp 1 x pp 1 = 3, but there are 4 ranks");
  expect_plan_refused([](ParallelPlan& p) { p.dp = 3; }, "divisors of 12: 1, 2, 3, 4, 6, 12", 12);
  expect_plan_refused([](ParallelPlan& p) { p.dp = p.tp = p.pp = 1'000'000; }, "= 1000000000000000000, but");
  expect_plan_refused([](ParallelPlan& p) { p.dp = 0; }, "at least 1");
}

BOOST_AUTO_TEST_CASE(a_shard_group_divides_dp_and_is_of_hybrid_alone) {
  const auto hybrid = [](int group) {
    return [group](ParallelPlan& p) { p.shard = Shard::hybrid, p.shard_group = group; };
  };
  expect_plan_refused(hybrid(3),
                      "--shard-group 3 does not divide dp 4 (each group holds one copy of the state) write "
                      "--shard-group 1 or 2 or 4");
  expect_plan_refused(hybrid(0), "--shard-group 0 does not divide");
  expect_plan_refused([](ParallelPlan& p) { p.shard_group = 2; }, "--shard-group 2 with --shard none");
  ParallelPlan good = kGood;
  hybrid(2)(good);
  BOOST_CHECK_NO_THROW(validate(good, find_model("tiny-llama"), 4));
}

BOOST_AUTO_TEST_CASE(a_shard_group_is_a_node_or_half_of_the_only_one) {
  BOOST_TEST(default_shard_group(16, 8) == 8);
  BOOST_TEST(default_shard_group(8, 8) == 4);
  BOOST_TEST(default_shard_group(2, 8) == 1);
  BOOST_TEST(default_shard_group(1, 8) == 1);
  BOOST_TEST(default_shard_group(12, 8) == 6);
  BOOST_TEST(default_shard_group(3, 4) == 1);
}

BOOST_AUTO_TEST_CASE(model_parallelism_names_what_would_divide) {
  expect_plan_refused([](ParallelPlan& p) { p.dp = 1, p.tp = 4; }, "does not divide the 4 query and 2 key-value heads");
  expect_plan_refused([](ParallelPlan& p) { p.dp = 1, p.pp = 5; }, "--pp 5 is more than the 4 layers", 5);
  BOOST_CHECK_NO_THROW(validate({.dp = 2, .tp = 2, .global_batch = 2, .sequence = 128}, find_model("tiny-llama"), 4));
  expect_plan_refused([](ParallelPlan& p) { p.sequence_parallel = true; }, "--sequence-parallel with --tp 1");
  expect_plan_refused(
      [](ParallelPlan& p) { p.dp = p.tp = 2, p.sequence_parallel = true, p.micro_batch = 1, p.sequence = 31; },
      "31 tokens of a micro-batch over 2 ranks leave 1 (each rank has the same number) write --seq 30");
}

BOOST_AUTO_TEST_CASE(a_pipeline_has_a_layer_for_each_chunk_and_whole_rounds_of_micro_batches) {
  const auto piped = [](int pp, int virtual_stages, std::int64_t batch) {
    return
        [=](ParallelPlan& p) { p.dp = 4 / pp, p.pp = pp, p.virtual_stages = virtual_stages, p.global_batch = batch; };
  };
  ParallelPlan good = kGood;
  piped(2, 2, 16)(good);
  BOOST_CHECK_NO_THROW(validate(good, find_model("tiny-llama"), 4));
  expect_plan_refused(piped(1, 2, 16), "no pipeline to interleave");
  expect_plan_refused(piped(2, 3, 16),
                      "--pp 2 x --virtual-stages 3 = 6 is more than the 4 layers of tiny-llama (each chunk needs a "
                      "layer) write --virtual-stages 2 or less");
  expect_plan_refused(piped(2, 0, 16), "--virtual-stages 0");
  expect_plan_refused(piped(2, 2, 12), "write --global-batch 8 or 16");
  expect_plan_refused(piped(2, 2, 4), "write --global-batch 8");
}

BOOST_AUTO_TEST_CASE(a_batch_that_does_not_divide_names_the_nearest) {
  expect_plan_refused([](ParallelPlan& p) { p.global_batch = 20; }, "write --global-batch 16 or 24");
  expect_plan_refused([](ParallelPlan& p) { p.global_batch = 7; }, "write --global-batch 8");
  expect_plan_refused([](ParallelPlan& p) { p.global_batch = 0; }, "write --global-batch 8");
  expect_plan_refused([](ParallelPlan& p) { p.micro_batch = 0; }, "--micro-batch 0");
}

BOOST_AUTO_TEST_CASE(a_sequence_is_as_long_as_the_model_allows) {
  expect_plan_refused([](ParallelPlan& p) { p.sequence = 513; }, "1 to 512 tokens) write --seq 512");
  expect_plan_refused([](ParallelPlan& p) { p.sequence = 0; }, "write --seq 1");
  ParallelPlan longest = kGood;
  longest.sequence = 512;
  BOOST_CHECK_NO_THROW(validate(longest, find_model("tiny-llama"), 4));
}

BOOST_AUTO_TEST_CASE(precision_and_schedule_are_checked) {
  expect_plan_refused([](ParallelPlan& p) { p.dtype = DType::i32; }, "--dtype int32");
  expect_plan_refused([](ParallelPlan& p) { p.reduce_dtype = DType::i32; }, "--reduce-dtype int32");
  expect_plan_refused(
      [](ParallelPlan& p) { p.dtype = DType::bf16, p.products = Products::mxfp8, p.sequence = 100; },
      "--dtype mxfp8: the number of tokens of a micro-batch of a rank is 200, no multiple of 16 (GPUs multiply such "
      "matrices in parts of 16 bytes) write --seq 112, or --dtype bf16");
  expect_plan_refused([](ParallelPlan& p) { p.prefetch = -1; }, "--prefetch -1");
  expect_plan_refused([](ParallelPlan& p) { p.bucket_bytes = 0; }, "--bucket 0");
}

BOOST_AUTO_TEST_CASE(products_of_few_bits_have_sides_that_gpus_take) {
  ModelSpec model = find_model("tiny-llama");
  ParallelPlan plan = kGood;
  plan.dtype = DType::bf16;
  for (const Products products : {Products::fp8_tensor, Products::fp8_block, Products::mxfp8, Products::nvfp4}) {
    plan.products = products;
    BOOST_CHECK_NO_THROW(validate(plan, model, 4));
  }
  plan.sequence = 100;  // of nvfp4 gradients are multiplied as they are stored
  BOOST_CHECK_NO_THROW(validate(plan, model, 4));
  plan.sequence = 128;
  model.feed_forward = 16 * 15;
  expect_refusal([&] { validate(plan, model, 4); },
                 "--dtype nvfp4: the feed-forward size of a rank is 240, no multiple of 32");
  plan.products = Products::fp8_tensor;
  BOOST_CHECK_NO_THROW(validate(plan, model, 4));
  plan.dp = 2, plan.tp = 2;
  expect_refusal(
      [&] { validate(plan, model, 4); },
      "--dtype fp8: the feed-forward size of a rank is 120, no multiple of 16 (GPUs multiply such matrices in "
      "parts of 16 bytes) write a smaller --tp, or --dtype bf16");
  plan.products = Products::plain;
  BOOST_CHECK_NO_THROW(validate(plan, model, 4));
}

BOOST_AUTO_TEST_CASE(what_multiplies_in_few_bits_is_counted) {
  const ModelSpec model = find_model("llama3-70b");
  ParallelPlan plan{.sequence = 4096, .dtype = DType::bf16};
  BOOST_TEST(flops_in_products(plan, model) == 0);
  const double linear = 6.0 * 80 * (2 * 8192.0 * 8192 + 2 * 8192.0 * 1024 + 3 * 8192.0 * 28672);
  plan.products = Products::fp8_block;
  BOOST_TEST(flops_in_products(plan, model) == linear);
  plan.products = Products::nvfp4;
  BOOST_TEST(flops_in_products(plan, model) == linear / 3);
  plan.products = Products::tf32;
  BOOST_TEST(flops_in_products(plan, model) == linear + 6.0 * 128256 * 8192);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace scalebench
