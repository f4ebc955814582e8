// What does not fit in memory is refused before it is tried, with plans that would fit; and what a datasheet says.
#include "app/measure/fit.hpp"

#include <cmath>

#include <boost/test/unit_test.hpp>

#include "app/measure/datasheet.hpp"
#include "tests/app/options/command_line.hpp"

namespace scalebench {

namespace {

constexpr double kEnough = 1e15;  // bytes

Job job_of(const std::string& line) {
  return resolve(parsed(line), {.ranks = 8, .ranks_on_node = 8, .cores = 8, .memory = kEnough, .cpu = false});
}

void check_refused(const Job& job, const DryRun& need, double of_device, double of_host, const std::string& part) {
  BOOST_CHECK_EXCEPTION(check_fit(job, need, of_device, of_host), Error, [&](const Error& error) {
    const std::string message = error.what();
    BOOST_TEST(message.find(part) != std::string::npos, message);
    return error.code() == Exit::unfit;
  });
}

}  // namespace

BOOST_AUTO_TEST_SUITE(fit)

BOOST_AUTO_TEST_CASE(training_is_told_of_plans_that_fit) {
  const Job job = job_of("--workload ddp8b");
  DryRun need = dry_run(job.workload, job.largest());
  const auto bytes = static_cast<double>(need.memory.peak);
  BOOST_CHECK_NO_THROW(check_fit(job, need, bytes, 0));
  check_refused(job, need, bytes - 1, kEnough, "use --");
  check_refused(job, need, bytes / 2, kEnough, "--shard ");
  check_refused(job, need, 1e6, kEnough, "a smaller model");
  need.host_memory.peak = 1000;
  BOOST_CHECK_NO_THROW(check_fit(job, need, bytes, 1000));
  check_refused(job, need, bytes, 999, "memory of the host");
}

BOOST_AUTO_TEST_CASE(others_are_told_what_lessens_their_need) {
  const Job decode = job_of("--workload decode_qwen3_8b"), collective = job_of("--workload all_reduce");
  check_refused(decode, dry_run(decode.workload, decode.largest()), 1e6, kEnough, "a smaller --batch");
  check_refused(collective, dry_run(collective.workload, collective.largest()), 1, kEnough, "a smaller -e");
}

BOOST_AUTO_TEST_CASE(peaks_are_those_of_a_known_gpu_alone) {
  ParallelPlan plan{.dtype = DType::bf16};
  BOOST_TEST(peaks_of_datasheet("NVIDIA H200", plan).first == 989.5e12);
  BOOST_TEST(std::isnan(peaks_of_datasheet("NVIDIA H200", plan).second));
  plan.products = Products::fp8_block;
  BOOST_TEST(peaks_of_datasheet("NVIDIA H200", plan).second == 1979e12);
  plan.products = Products::nvfp4;
  BOOST_TEST(std::isnan(peaks_of_datasheet("NVIDIA H200", plan).second));
  plan.products = Products::tf32,
  plan.dtype = DType::f32;  // attention is of fp32
  BOOST_TEST(peaks_of_datasheet("NVIDIA H200", plan).first == 67e12);
  BOOST_TEST(std::isnan(peaks_of_datasheet("NVIDIA B200", plan).first));
  BOOST_TEST(peaks_of_datasheet("NVIDIA H200", plan).second == 494.5e12);
  BOOST_TEST(std::isnan(peaks_of_datasheet("NVIDIA GeForce RTX 3090", plan).first));
}

BOOST_AUTO_TEST_CASE(a_machine_without_a_scaling_is_no_place_for_it) {
  ParallelPlan plan{.dtype = DType::bf16, .products = Products::fp8_block};
  BOOST_CHECK_NO_THROW(check_precision(plan, find_machine("h200")));
  BOOST_CHECK_EXCEPTION(check_precision(plan, find_machine("b200")), Error, [](const Error& error) {
    return std::string(error.what()).find("--fp8-scaling block on b200") != std::string::npos;
  });
  plan.products = Products::fp8_tensor;
  BOOST_CHECK_NO_THROW(check_precision(plan, find_machine("b200")));
  BOOST_CHECK_THROW(check_precision(plan, find_machine("a100-80")), Error);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace scalebench
