#include "tests/app/options/command_line.hpp"

namespace scalebench {

BOOST_AUTO_TEST_SUITE(accepted)

BOOST_AUTO_TEST_CASE(what_is_not_said_is_the_stated_default) {
  const Options o = parsed("--workload fsdp70b");
  BOOST_TEST((o.command == Command::run && o.workload == "fsdp70b" && o.device == "auto" && !o.shrink));
  BOOST_TEST((!o.model && !o.layers && !o.ranks && !o.dp && !o.shard && !o.micro_batch && !o.dtype && !o.timeout));
  BOOST_TEST((o.min_iterations == 10 && o.max_iterations == 100 && o.max_seconds == 60 && o.target_ci == 0.02));
  BOOST_TEST((o.scale.empty() && o.scaling == ScalingKind::none && o.format == Format::table && o.seed == 0));
  BOOST_TEST((o.begin_bytes == 8 && o.end_bytes == 134'217'728 && o.factor == 2 && o.step_bytes == 0 && o.check));
  BOOST_TEST((!o.dry_run && !o.no_overlap && !o.force && !o.append && o.inject.empty()));
}

BOOST_AUTO_TEST_CASE(each_option_sets_its_field) {
  const Options o = parsed(
      "run --workload w --model llama3-8b --layers 3 --dry-run --ranks 1024 --machine h200 --machine-memory 80GB --dp "
      "8 "
      "--tp 2 --pp 4 --virtual-stages 3 --shard parameters --reshard-after-forward no --prefetch 2 --no-overlap "
      "--bucket 25MiB "
      "--micro-batch 2 --global-batch 64 --seq 128 --dtype bf16 --recompute full --shrink none --threads 3");
  BOOST_TEST((*o.model == "llama3-8b" && *o.layers == 3 && o.dry_run && *o.ranks == 1024 && *o.machine == "h200"));
  BOOST_TEST((*o.machine_memory == 80e9 && *o.dp == 8 && *o.tp == 2 && *o.pp == 4 && *o.virtual_stages == 3 &&
              *o.shard == Shard::parameters));
  BOOST_TEST((!*o.reshard_after_forward && *o.prefetch == 2 && o.no_overlap && *o.bucket_bytes == 26'214'400));
  BOOST_TEST((*o.micro_batch == 2 && *o.global_batch == 64 && *o.sequence == 128 && *o.dtype == DType::bf16));
  BOOST_TEST(*parsed("--workload w --shard hybrid --shard-group 4").shard_group == 4);
  BOOST_TEST((*o.recompute == Recompute::full && o.shrink == "none" && *o.threads == 3));
}

BOOST_AUTO_TEST_CASE(what_a_user_brings_is_set) {
  const Options o = parsed("--workload w --weights dir --tokens ids.bin --dump out.h5");
  BOOST_TEST((*o.weights == "dir" && *o.tokens == "ids.bin" && *o.dump == "out.h5"));
  BOOST_TEST(o.shrink.value_or("") == "none");  // weights are of one model
  BOOST_TEST(!parsed("--workload w --tokens ids.bin").shrink);
}

BOOST_AUTO_TEST_CASE(measuring_and_output_are_set) {
  const Options o = parsed(
      "--workload w --scale 1,2,4 --scaling strong --min-iterations 3 --max-iterations 5 --max-seconds 1.5min "
      "--target-ci 0.1 --timeout 90s --output out.h5 --force --seed 7 --format csv --inject a --inject b");
  BOOST_TEST(o.scale == (std::vector<int>{1, 2, 4}), boost::test_tools::per_element());
  BOOST_TEST(
      (o.scaling == ScalingKind::strong && o.min_iterations == 3 && o.max_iterations == 5 && o.max_seconds == 90));
  BOOST_TEST((o.target_ci == 0.1 && *o.timeout == 90 && *o.output == "out.h5" && o.force && o.seed == 7));
  BOOST_TEST((o.format == Format::csv && o.inject == std::vector<std::string>{"a", "b"}));
  BOOST_TEST(parsed("--workload w --append").append);
}

BOOST_AUTO_TEST_CASE(collectives_take_the_letters_of_nccl_tests) {
  const Options o = parsed("--workload all_reduce -b 1K -e1M -f 4 -n20 -w 0 -c 0 -d bfloat16 -o max -r 3");
  BOOST_TEST((o.begin_bytes == 1024 && o.end_bytes == 1'048'576 && o.factor == 4 && *o.collective_iterations == 20));
  BOOST_TEST((o.collective_warmup == 0 && !o.check && o.collective_type == DType::bf16 && o.reduction == "max"));
  BOOST_TEST(o.root == 3);
  BOOST_TEST(parsed("--workload all_reduce -i 1M").step_bytes == 1'048'576);
  BOOST_TEST(parsed("--workload all_reduce --warmup_iters 4 --minbytes=16").collective_warmup == 4);
  BOOST_TEST((parsed("--workload all_reduce -d float").collective_type == DType::f32));
  for (const char* name : {"half", "fp16"})
    BOOST_TEST((parsed(std::string("--workload all_reduce -d ") + name).collective_type == DType::f16));
}

BOOST_AUTO_TEST_CASE(what_decode_is_not_told_is_the_workloads) {
  const Options o = parsed("--workload w");
  BOOST_TEST((o.batch.empty() && o.concurrency.empty() && o.request_rate.empty() && o.goodput.empty()));
  BOOST_TEST((!o.input_tokens && !o.output_tokens && !o.requests && !o.prefill_chunk && !o.trace && !o.prompt_tokens));
  BOOST_TEST((!o.kv_dtype && !o.weight_dtype && !o.kv_memory && !o.ignore_eos && !o.temperature && !o.top_k));
  BOOST_TEST((!o.top_p && !o.find_rate));
}

BOOST_AUTO_TEST_CASE(decode_takes_its_flags) {
  const Options o = parsed(
      "--workload w --input-tokens uniform:64:256 --output-tokens 100 --requests 50 --batch 8 --concurrency 16 "
      "--prefill-chunk 256 --kv-dtype fp32 --weight-dtype bf16 --kv-memory 1GiB --ignore-eos --temperature 0.5 "
      "--top-k 40 --top-p 1 --goodput ttft:200ms,tpot:20ms");
  BOOST_TEST((o.input_tokens->text() == "uniform:64:256" && *o.output_tokens == TokenCount{.first = 100}));
  BOOST_TEST((*o.requests == 50 && o.batch == std::vector{8} && o.concurrency == std::vector{16}));
  BOOST_TEST((*o.prefill_chunk == 256 && *o.kv_dtype == DType::f32 && *o.weight_dtype == DType::bf16));
  BOOST_TEST((*o.kv_memory == 1'073'741'824 && *o.ignore_eos && *o.temperature == 0.5 && *o.top_k == 40));
  BOOST_TEST((*o.top_p == 1 && o.request_rate.empty() && !o.find_rate));
  BOOST_TEST((o.goodput == std::vector<LatencyLimit>{{LatencyMetric::ttft, 0.2}, {LatencyMetric::tpot, 0.02}}));
  BOOST_TEST(*parsed("--workload w --trace a.csv --batch 1,2").trace == "a.csv");
  const Options prompts = parsed("--workload w --prompt-tokens a.txt --requests 3 --output-tokens normal:9:2");
  BOOST_TEST((*prompts.prompt_tokens == "a.txt" && *prompts.requests == 3));
  BOOST_TEST(*parsed("--workload w --temperature 0").temperature == 0);
  BOOST_TEST(parsed("--workload w --find-rate --goodput e2el:1.5 --scale 4 --batch 8 --requests 9").find_rate);
}

BOOST_AUTO_TEST_CASE(each_of_three_may_be_a_list) {
  BOOST_TEST(parsed("--workload w --batch 1,4,16 --concurrency 64").batch == (std::vector{1, 4, 16}),
             boost::test_tools::per_element());
  BOOST_TEST(parsed("--workload w --batch 8 --concurrency 1,4").concurrency == (std::vector{1, 4}),
             boost::test_tools::per_element());
  BOOST_TEST(parsed("--workload w --request-rate 0.5,1,1e2").request_rate == (std::vector{0.5, 1.0, 100.0}),
             boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(every_latency_may_have_a_limit) {
  const auto limits = parsed("--workload w --goodput itl-gap:1ms,e2el:2min,itl_tok:3us,tpot:4,ttft:5s").goodput;
  BOOST_TEST((limits == std::vector<LatencyLimit>{{LatencyMetric::itl_gap, 1e-3},
                                                  {LatencyMetric::e2el, 120},
                                                  {LatencyMetric::itl_tok, 3e-6},
                                                  {LatencyMetric::tpot, 4},
                                                  {LatencyMetric::ttft, 5}}));
}

BOOST_AUTO_TEST_CASE(dash_and_underscore_are_equal_in_names) {
  BOOST_TEST(parsed("--workload a_b --max_iterations=3 --dry_run").max_iterations == 3);
  BOOST_TEST(parsed("--workload a_b --max-iterations 3").workload == "a_b");
}

BOOST_AUTO_TEST_CASE(commands_are_told_apart) {
  BOOST_TEST((parsed("list").command == Command::list));
  BOOST_TEST((parsed("doctor").command == Command::doctor));
  BOOST_TEST((parsed("calibrate").command == Command::calibrate));
  BOOST_TEST((parsed("describe fsdp70b").command == Command::describe));
  BOOST_TEST(parsed("describe fsdp70b").subject == "fsdp70b");
  BOOST_TEST((parsed("--help").command == Command::help));
  BOOST_TEST((parsed("run -h --nonsense").command == Command::help));
  BOOST_TEST((parsed("--help_all").command == Command::help_all));
  BOOST_TEST((parsed("--version").command == Command::version));
}

BOOST_AUTO_TEST_CASE(several_points_scale_weakly_unless_said) {
  BOOST_TEST((parsed("--workload w --scale 1,2").scaling == ScalingKind::weak));
  BOOST_TEST((parsed("--workload w --scale 4").scale == std::vector<int>{4}));
}

BOOST_AUTO_TEST_CASE(a_default_of_the_iterations_gives_way) {
  BOOST_TEST(parsed("--workload w --max-iterations 3").min_iterations == 3);
  BOOST_TEST(parsed("--workload w --min-iterations 300").max_iterations == 300);
}

BOOST_AUTO_TEST_CASE(a_simulated_device_names_the_machine_of_a_dry_run) {
  BOOST_TEST(*parsed("--workload w --dry-run --device sim:h200").machine == "h200");
  BOOST_TEST(*parsed("--workload w --dry-run --device sim:h200 --machine h200").machine == "h200");
}

BOOST_AUTO_TEST_CASE(whether_a_stated_machine_suffices_is_asked_of_the_whole_model) {
  BOOST_TEST(!parsed("--workload w --dry-run").shrink);
  BOOST_TEST(!parsed("--workload w --dry-run --machine h200").shrink);
  BOOST_TEST(!parsed("--workload w --dry-run --device sim:h200").shrink);
  BOOST_TEST(!parsed("--workload w --dry-run --machine-memory 80GB").shrink);
  BOOST_TEST(parsed("--workload w --dry-run --machine h200 --shrink auto").shrink.value_or("") == "auto");
  BOOST_TEST(!parsed("--workload w --machine h200").shrink);
}

BOOST_AUTO_TEST_CASE(the_optimizer_and_what_is_reduced_are_taken) {
  BOOST_CHECK(!parsed("--workload w").optimizer);
  BOOST_CHECK(parsed("--workload w --optimizer sgd").optimizer == Optimizer::sgd);
  const Options tf32 = parsed("--workload w --dtype tf32"), plain = parsed("--workload w --dtype fp32");
  BOOST_TEST((tf32.dtype == DType::f32 && tf32.products == Products::tf32));
  BOOST_TEST((plain.dtype == DType::f32 && plain.products == Products::plain));
  const Options fp8 = parsed("--workload w --dtype fp8 --fp8-scaling block"),
                nvfp4 = parsed("--workload w --dtype nvfp4");
  BOOST_TEST((fp8.dtype == DType::bf16 && is_fp8(fp8.products) && fp8.fp8_scaling == Products::fp8_block));
  BOOST_TEST((nvfp4.dtype == DType::bf16 && nvfp4.products == Products::nvfp4 && !nvfp4.fp8_scaling));
  BOOST_CHECK(parsed("--workload w --reduce-dtype bf16").reduce_dtype == DType::bf16);
  BOOST_CHECK(parsed("--workload w --dtype fp16 --reduce-dtype fp16").reduce_dtype == DType::f16);
  BOOST_CHECK(parsed("--workload w --dtype fp16").dtype == DType::f16);
  BOOST_CHECK(!parsed("--workload w").reduce_dtype);
  BOOST_CHECK(parsed("--workload w --optimizer-state-dtype bf16").optimizer_state_dtype == DType::bf16);
  BOOST_CHECK(parsed("--workload w --optimizer-state-dtype fp8").optimizer_state_dtype == DType::e4m3);
  BOOST_CHECK(!parsed("--workload w").optimizer_state_dtype);
  BOOST_CHECK(parsed("--workload w --offload optimizer").offload);
  BOOST_CHECK(!parsed("--workload w").offload);
}

BOOST_AUTO_TEST_CASE(the_only_value_of_this_version_may_be_said) {
  BOOST_CHECK_NO_THROW(parsed("--workload w --comm mpi --optimizer-state-dtype fp32"));
  BOOST_TEST((parsed("--workload w --comm nccl --device cuda").comm == Comm::nccl));
  for (const std::string transport : {"nvlink", "pcie", "shm", "ib", "socket"})
    BOOST_TEST(*parsed("--workload w --require-transport " + transport).require_transport == transport);
  BOOST_TEST(!parsed("--workload w").require_transport);
  BOOST_TEST(!parsed("--workload w").comm.has_value());
  BOOST_CHECK_NO_THROW(parsed("--workload w --device cpu --shard none --recompute none"));
}

BOOST_AUTO_TEST_CASE(the_command_is_kept_as_a_shell_takes_it) {
  const char* argv[] = {"scalebench", "--workload", "w", "--output", "two words.h5"};
  BOOST_TEST(parse_options(5, argv).command_line == "scalebench --workload w --output 'two words.h5'");
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace scalebench
