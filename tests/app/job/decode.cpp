// What a decode job comes to from what the user says, and what it refuses.
#include <filesystem>
#include <fstream>

#include "app/dry_run.hpp"
#include "app/job.hpp"
#include "app/job_serving.hpp"
#include "tests/app/options/command_line.hpp"

namespace scalebench {

namespace {

constexpr double kMemory = 1e12;  // bytes: enough for each model here

Job job_of(const std::string& line, int ranks) {
  return resolve(parsed("--workload decode_qwen3_8b --model tiny-llama " + line),
                 {.ranks = ranks, .ranks_on_node = ranks, .cores = 8, .memory = kMemory});
}

void expect_refused(const std::string& line, int ranks, Exit code, const std::string& part) {
  BOOST_TEST_CONTEXT(line << " on " << ranks << " ranks") {
    try {
      job_of(line, ranks);
    } catch (const Error& error) {
      const std::string message = error.what();
      BOOST_TEST(static_cast<int>(error.code()) == static_cast<int>(code), message);
      BOOST_TEST(message.find(part) != std::string::npos, "expected: " << part << "\nthe message is: " << message);
      BOOST_TEST(message.find('(') != std::string::npos, "says why: " << message);
      return;
    }
    BOOST_TEST(false, "nothing was refused");
  }
}

const ServingPlan& serving(const Job& job, std::size_t point = 0) { return job.points.at(point).assignment.serving; }

// A file of this content while the test runs.
class File {
 public:
  File(const std::string& name, const std::string& content) : path_(std::filesystem::temp_directory_path() / name) {
    std::ofstream(path_) << content;
  }
  ~File() { std::filesystem::remove(path_); }
  File(const File&) = delete;
  File& operator=(const File&) = delete;
  std::string path() const { return path_.string(); }

 private:
  std::filesystem::path path_;
};

}  // namespace

BOOST_AUTO_TEST_SUITE(decode_job)

BOOST_AUTO_TEST_CASE(the_workload_says_what_the_user_does_not) {
  const Job job = job_of("", 2);
  BOOST_TEST(job.points.size() == 1U);
  const ParallelPlan& plan = job.points[0].assignment.plan;
  BOOST_TEST((plan.dp == 2 && plan.tp == 1 && plan.pp == 1));
  const ServingPlan& s = serving(job);
  BOOST_TEST((s.batch == 8 && s.concurrency == 16 && s.requests == 64));
  BOOST_TEST((s.arrivals == Arrivals::closed && s.kv_dtype == DType::bf16 && !s.ignore_eos));
  BOOST_TEST((serving(job_of("--dtype fp32", 1)).kv_dtype == DType::f32));
}

BOOST_AUTO_TEST_CASE(how_many_requests_there_are_follows_from_how_they_come) {
  BOOST_TEST(serving(job_of("--concurrency 3", 1)).requests == 12);
  BOOST_TEST(serving(job_of("--batch 2 --request-rate 5", 2)).requests == 16);
  BOOST_TEST(serving(job_of("--concurrency 3 --requests 5", 1)).requests == 5);
  const File prompts("scalebench-job-prompts.txt", "1 2 3\n4 5\n6\n");
  BOOST_TEST(serving(job_of("--prompt-tokens " + prompts.path(), 1)).requests == 3);
  BOOST_TEST(serving(job_of("--requests 7 --prompt-tokens " + prompts.path(), 1)).requests == 7);
  const File trace("scalebench-job-trace.txt", "0 4 2\n1.5 3 1\n");
  const Job listed = job_of("--trace " + trace.path(), 1);
  BOOST_TEST((serving(listed).requests == 2 && serving(listed).arrivals == Arrivals::listed));
}

BOOST_AUTO_TEST_CASE(answers_of_one_token_and_traces_shorter_than_a_batch_have_a_dry_run) {
  const File trace("scalebench-job-short.txt", "0 4 1\n");
  for (const std::string& flags :
       {std::string("--output-tokens 1"), std::string("--output-tokens 2"), "--trace " + trace.path()}) {
    const Job job = job_of(flags, 1);
    BOOST_TEST(dry_run(job.workload, job.points[0]).flops > 0, flags);
  }
}

BOOST_AUTO_TEST_CASE(a_list_is_a_point_a_value) {
  const Job batches = job_of("--batch 1,2,4", 2);
  BOOST_TEST(batches.points.size() == 3U);
  BOOST_TEST((serving(batches, 0).concurrency == 2 && serving(batches, 2).concurrency == 8));
  const Job rates = job_of("--request-rate 0.5,2 --batch 3", 1);
  BOOST_TEST((serving(rates, 1).request_rate == 2 && serving(rates, 1).batch == 3));
  BOOST_TEST((serving(rates, 0).arrivals == Arrivals::open));
  BOOST_TEST(job_of("--concurrency 2,4 --scale 1,2", 2).points.size() == 4U);
}

BOOST_AUTO_TEST_CASE(a_search_for_a_rate_begins_with_one_request_of_each_replica) {
  const std::string line = "--find-rate --goodput ttft:1 --batch 4";
  const Options o = parsed("--workload decode_qwen3_8b --model tiny-llama " + line);
  const Job job = job_of(line, 2);
  BOOST_TEST((serving(job).arrivals == Arrivals::closed && serving(job).concurrency == 2));
  BOOST_TEST(serving(job).requests == 16);
  const ServingPlan slow = at_rate(o, job.workload, job.points[0], 0.5).assignment.serving;
  BOOST_TEST((slow.arrivals == Arrivals::open && slow.request_rate == 0.5 && slow.requests == 32));
  const ServingPlan fast = at_rate(o, job.workload, job.points[0], 30.1).assignment.serving;
  BOOST_TEST(fast.requests == 301);  // 10 s of arrivals: ten times the limit
  const Options quick = parsed("--workload decode_qwen3_8b --model tiny-llama --find-rate --goodput ttft:0.1");
  BOOST_TEST(at_rate(quick, job.workload, job_of("--find-rate --goodput ttft:0.1", 2).points[0], 30.1)
                 .assignment.serving.requests == 151);  // 5 s
  Options few = o;
  few.requests = 10;
  BOOST_TEST(at_rate(few, job.workload, job.points[0], 30).assignment.serving.requests == 10);
}

BOOST_AUTO_TEST_CASE(one_request_after_another_on_several_replicas_is_refused_unless_a_rate_is_looked_for) {
  const auto resolved = [](const std::string& line) {
    return resolve(parsed("--workload decode_qwen3_100x100 --model tiny-llama --tp 1 " + line),
                   {.ranks = 2, .ranks_on_node = 2, .cores = 8, .memory = kMemory});
  };
  BOOST_CHECK_THROW(resolved(""), Error);
  BOOST_TEST(resolved("--find-rate --goodput ttft:1").points[0].assignment.serving.concurrency == 2);
}

BOOST_AUTO_TEST_CASE(requests_longer_than_the_model_was_made_for_are_refused) {
  expect_refused("--input-tokens 500 --output-tokens 13", 1, Exit::bad_input,
                 "a request of 513 tokens, prompt and answer (--input-tokens 500, --output-tokens 13; tiny-llama was "
                 "made for 512)");
  BOOST_CHECK_NO_THROW(job_of("--input-tokens 500 --output-tokens 12", 1));
  expect_refused("--input-tokens normal:120:1 --output-tokens 33", 1, Exit::bad_input, "513 tokens");
  const File trace("scalebench-job-long.txt", "0 500 13\n");
  expect_refused("--trace " + trace.path(), 1, Exit::bad_input, "scalebench-job-long.txt");
  const File prompts("scalebench-job-ids.txt", "1 2 3 4 5\n");
  expect_refused("--output-tokens 508 --prompt-tokens " + prompts.path(), 1, Exit::bad_input, "scalebench-job-ids.txt");
}

BOOST_AUTO_TEST_CASE(a_cache_too_small_for_one_request_is_refused_and_says_what_suffices) {
  // 4 layers x 2 key-value heads x 16 x (key, value) x 2 bytes x 16 positions = 8 KiB a block; 256 tokens: 16 blocks.
  expect_refused("--kv-memory 100KiB", 1, Exit::unfit,
                 "holds 12 blocks of 16 positions (the longest request needs 16)");
  expect_refused("--kv-memory 100KiB", 1, Exit::unfit, "write --kv-memory 128KiB or more");
  BOOST_CHECK_NO_THROW(job_of("--kv-memory 128KiB", 1));
}

BOOST_AUTO_TEST_CASE(plans_that_do_not_suit_are_refused) {
  expect_refused("--tp 3", 3, Exit::bad_input, "--tp 3 does not suit the 4 query and 2 key-value heads");
  expect_refused("--pp 2", 2, Exit::bad_input, "--pp 2 of a decode workload is not in this version");
  expect_refused("--tp 2 --dp 2", 2, Exit::bad_input, "but there are 2 ranks");
  expect_refused("--concurrency 1", 2, Exit::bad_input, "--concurrency 1 with dp 2 (each replica needs a request");
  BOOST_TEST(job_of("--tp 4", 4).points[0].assignment.plan.tp == 4);  // two ranks for each key-value head
}

BOOST_AUTO_TEST_CASE(weights_have_the_type_of_the_products_or_8_bits) {
  expect_refused("--weight-dtype fp32", 1, Exit::bad_input, "--weight-dtype fp32 with --dtype bf16 (both are");
  expect_refused("--dtype fp32 --weight-dtype bf16", 1, Exit::bad_input, "write --dtype bf16");
  BOOST_TEST(!serving(job_of("--dtype fp32 --weight-dtype fp32", 1)).weight_dtype.has_value());
  BOOST_TEST((serving(job_of("--weight-dtype int8", 1)).weight_dtype == DType::i8));
  BOOST_TEST((serving(job_of("--weight-dtype fp8", 1)).weight_dtype == DType::e4m3));
}

BOOST_AUTO_TEST_CASE(flags_of_training_are_refused) {
  for (const char* flag : {"--seq 64", "--micro-batch 1", "--global-batch 8", "--shard none", "--sequence-parallel",
                           "--virtual-stages 2", "--prefetch 1", "--bucket 1MiB", "--reduce-dtype bf16",
                           "--optimizer sgd", "--verify", "--tokens f", "--dump a.h5", "--recompute full"})
    expect_refused(flag, 1, Exit::bad_input, std::string(flag).substr(0, std::string(flag).find(' ')) + " with ");
}

BOOST_AUTO_TEST_CASE(flags_of_decode_are_refused_elsewhere) {
  for (const char* workload : {"fsdp70b", "all_reduce"})
    for (const char* flag :
         {"--batch 2", "--concurrency 2", "--request-rate 1", "--input-tokens 3", "--output-tokens 3", "--requests 3",
          "--prefill-chunk 4", "--trace f", "--prompt-tokens f", "--kv-dtype fp32", "--kv-memory 1GiB",
          "--weight-dtype fp32", "--ignore-eos", "--temperature 1", "--goodput ttft:1", "--find-rate --goodput ttft:1"})
      BOOST_TEST_CONTEXT(workload << " " << flag) {
        const Options o = parsed(std::string("--workload ") + workload + " " + flag);
        BOOST_CHECK_EXCEPTION(resolve(o, {.memory = kMemory}), Error, [&](const Error& error) {
          const std::string message = error.what();
          return error.code() == Exit::bad_input && message.find(" with " + std::string(workload)) != std::string::npos;
        });
      }
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace scalebench
