#include "tests/app/options/command_line.hpp"

namespace scalebench {

namespace {

struct Case {
  const char* line;
  const char* part;
};

void expect_all_refused(auto& cases) {
  for (const auto& [line, part] : cases) expect_refused(line, part);
}

}  // namespace

BOOST_AUTO_TEST_SUITE(refused)

BOOST_AUTO_TEST_CASE(unknown_names_get_the_nearest) {
  constexpr Case cases[] = {
      {"--wrokload fsdp70b", "unknown option --wrokload"},
      {"--wrokload fsdp70b", "did you mean --workload?"},
      {"--work fsdp70b", "did you mean --workload?"},
      {"--workload w --max_second 3", "did you mean --max-seconds?"},
      {"--workload w -micro-batch 3", "did you mean --micro-batch?"},
      {"--workload w -z 3", "unknown option -z (single letters are for collectives: -b -e -f -i -n -w -c -d -o -r)"},
      {"--workload w --no-overlapp", "--no-overlap"},
      {"lits", "did you mean scalebench list?"},
      {"fsdp70b", "did you mean --workload fsdp70b?"},
  };
  expect_all_refused(cases);
}

BOOST_AUTO_TEST_CASE(words_that_belong_to_nothing_are_refused) {
  constexpr Case cases[] = {
      {"", "no workload is named"},
      {"--workload w stray", "'stray' is not expected here"},
      {"run --workload w stray", "'stray' is not expected here"},
      {"describe", "describe has no name"},
      {"describe a b", "'b' is not expected here"},
      {"list a", "'a' is not expected here"},
      {"--workload w --dry-run yes", "'yes' is not expected here"},
      {"--workload w -- rest", "'rest' is not expected here"},
  };
  expect_all_refused(cases);
}

BOOST_AUTO_TEST_CASE(values_that_are_absent_or_too_many_are_refused) {
  constexpr Case cases[] = {
      {"--workload", "--workload has no value"},
      {"--workload --seed 3", "--workload has no value ('--seed' comes next)"},
      {"--workload w --seed", "--seed has no value"},
      {"--workload w --seed=", "--seed has no value"},
      {"--workload ''", "--workload is ''"},
      {"--workload w --dry-run=3", "--dry-run takes no value"},
      {"--workload w --seed 1 --seed 1", "--seed is given twice"},
      {"--workload w -b 8 --minbytes 8", "--minbytes is given twice"},
      {"--workload w --dry-run --dry_run", "--dry-run is given twice"},
  };
  expect_all_refused(cases);
}

BOOST_AUTO_TEST_CASE(numbers_are_whole_text_and_in_range) {
  constexpr Case cases[] = {
      {"--workload w --min-iterations 10x", "--min-iterations is '10x' (it must be a whole number from 1 to 1000000)"},
      {"--workload w --min-iterations -1", "--min-iterations is '-1'"},
      {"--workload w --min-iterations 0", "--min-iterations is '0'"},
      {"--workload w --min-iterations 1e99", "--min-iterations is '1e99'"},
      {"--workload w --min-iterations ''", "--min-iterations is ''"},
      {"--workload w --min-iterations 99999999999999999999", "from 1 to 1000000"},
      {"--workload w --layers 0", "--layers is '0'"},
      {"--workload w -n 0", "-n is '0'"},
      {"--workload w -w -1", "-w is '-1'"},
      {"--workload w --threads 0", "--threads is '0'"},
      {"--workload w --seed -1", "--seed is '-1'"},
      {"--workload w --seed 18446744073709551615", "--seed is"},
      {"--workload w --target-ci nan", "--target-ci is 'nan' (it must be a number from 0 to below 1)"},
      {"--workload w --target-ci 1", "--target-ci is '1'"},
      {"--workload w --max-seconds inf", "--max-seconds is 'inf'"},
      {"--workload w --max-seconds 0", "--max-seconds is '0'"},
      {"--workload w --max-seconds -5", "--max-seconds is '-5'"},
      {"--workload w --timeout 5d", "--timeout is '5d'"},
      {"--workload w -b 4GiBB", "-b is '4GiBB'"},
      {"--workload w -b 0", "-b is '0' (it must be a size from 1 B"},
      {"--workload w --bucket -1", "--bucket is '-1'"},
      {"--workload w --machine-memory 80XB", "--machine-memory is '80XB'"},
      {"--workload w -f nan", "-f is 'nan'"},
      {"--workload w -f 1", "-f is 1 (sizes would never grow)"},
      {"--workload w -c 2", "-c is '2'"},
      {"--workload w -r -1", "-r is '-1'"},
      {"--workload w --prefetch -1", "--prefetch is '-1'"},
  };
  expect_all_refused(cases);
}

BOOST_AUTO_TEST_CASE(lists_rise_and_other_sweeps_are_not_there_yet) {
  constexpr Case cases[] = {
      {"--workload w --scale 2,1", "--scale is '2,1'"},
      {"--workload w --scale 1,1", "each larger than the one before"},
      {"--workload w --scale 0,1", "--scale is '0,1'"},
      {"--workload w --scale 1,,2", "--scale is '1,,2'"},
      {"--workload w --scale 1,2,", "--scale is '1,2,'"},
      {"--workload w --scale ''", "--scale is ''"},
      {"--workload w --micro-batch 1,2", "(a sweep over it is not in this version)"},
      {"--workload w --dtype bf16,fp32", "(a sweep over it is not in this version)"},
  };
  expect_all_refused(cases);
}

BOOST_AUTO_TEST_CASE(names_of_values_get_the_nearest) {
  constexpr Case cases[] = {
      {"--workload w --dtype fp31",
       "--dtype is 'fp31' (it must be one of: bf16, fp32, tf32, fp16, fp8, mxfp8, nvfp4) did you mean fp32?"},
      {"--workload w --fp8-scaling blocks",
       "--fp8-scaling is 'blocks' (it must be one of: tensor, block) did you mean block?"},
      {"--workload w --shard parameter", "did you mean parameters?"},
      {"--workload w --device gpu", "--device is 'gpu'"},
      {"--workload w --device sim:", "--device is 'sim:'"},
      {"--workload w --shrink file", "auto, none, FILE.h5"},
      {"--workload w --shrink FILE.h5x", "--shrink is"},
      {"--workload w --format xml", "table, csv, json"},
      {"--workload w --scale 1,2 --scaling string", "did you mean strong?"},
      {"--workload w --reshard-after-forward maybe", "--reshard-after-forward is 'maybe'"},
      {"--workload w -d fp31", "-d is 'fp31'"},
      {"--workload w -o add", "-o is 'add'"},
      {"--workload w --require-transport nvlinks", "did you mean nvlink?"},
      {"--workload w --require-transport nvlink,ib", "--require-transport is the list 'nvlink,ib'"},
  };
  expect_all_refused(cases);
}

BOOST_AUTO_TEST_CASE(what_is_planned_says_so) {
  constexpr const char* lines[] = {
      "--optimizer-state-dtype int8",
      "--stack name",
      "--device sim:h200",
      "--offload parameters",
      "--kv-dtype fp8",
      "--kv-dtype int8",
      "-d double",
      "-o prod",
  };
  for (const char* line : lines) expect_refused(std::string("--workload w ") + line, "not in this version");
}

BOOST_AUTO_TEST_CASE(contradictions_are_refused) {
  expect_refused("--workload w --require-transport ib --device cpu", "only NCCL says");
  expect_refused("--workload w --require-transport ib --comm mpi", "only NCCL says");
  expect_refused("--workload w --comm nccl --device cpu", "NCCL moves the memory of GPUs");
  expect_refused("--workload w --dry-run --comm nccl --device cpu", "NCCL moves the memory of GPUs");
  expect_refused("--workload w --dry-run --device cuda", "which it is for");
  expect_refused("--workload w --dry-run --machine h200 --require-transport ib", "nothing is connected");
  expect_refused("--workload w --weights dir --shrink auto", "the weights are of the whole model");
  expect_refused("--workload w --weights dir --layers 2", "the weights are of the whole model");
  expect_refused("--workload w --dump out.txt", "it is written as HDF5");
  expect_refused("--workload w --dump a.h5 --output a.h5", "name one file");
  expect_refused("--workload w --dump ./a.h5 --output tests/../a.h5", "name one file");
  expect_refused("--workload w --dump a.h5 --dry-run", "nothing is computed");
  expect_refused("--workload w --dump a.h5 --scale 1,2", "it is of one point");
  constexpr Case cases[] = {
      {"--workload w --force --append", "--force and --append contradict"},
      {"--workload w --min-iterations 5 --max-iterations 4", "--min-iterations 5 is more than --max-iterations 4"},
      {"--workload w --scaling weak", "--scaling is given without --scale"},
      {"--workload w -b 8M -e 4M", "-b 8 MiB is more than -e 4 MiB"},
      {"--workload w -i 8 -f 2", "-i and -f contradict"},
      {"--workload w --dry-run --device sim:h200 --machine b200", "two machines"},
  };
  expect_all_refused(cases);
}

BOOST_AUTO_TEST_CASE(values_of_decode_are_in_range) {
  constexpr Case cases[] = {
      {"--workload w --input-tokens 0", "--input-tokens is '0' (it must be a number, uniform:LEAST:MOST"},
      {"--workload w --output-tokens uniform:9:2", "--output-tokens is 'uniform:9:2'"},
      {"--workload w --input-tokens 1,2", "--input-tokens is the list '1,2' (a sweep over it is not in this version)"},
      {"--workload w --requests 1,2", "--requests is the list '1,2' (a sweep over it is not in this version)"},
      {"--workload w --requests 0", "--requests is '0'"},
      {"--workload w --batch 0", "--batch is '0' (it must be a list of whole numbers from 1 to"},
      {"--workload w --batch 4,1", "--batch is '4,1'"},
      {"--workload w --batch 99999999999", "--batch is '99999999999'"},
      {"--workload w --concurrency 1,,2", "--concurrency is '1,,2'"},
      {"--workload w --request-rate 0", "--request-rate is '0' (it must be a list of numbers above 0"},
      {"--workload w --request-rate inf", "--request-rate is 'inf'"},
      {"--workload w --request-rate 1,nan", "--request-rate is '1,nan'"},
      {"--workload w --request-rate 1,1", "each larger than the one before"},
      {"--workload w --request-rate 1,", "--request-rate is '1,'"},
      {"--workload w --prefill-chunk 0", "--prefill-chunk is '0'"},
      {"--workload w --kv-memory 0", "--kv-memory is '0'"},
      {"--workload w --kv-memory 1GX", "--kv-memory is '1GX'"},
      {"--workload w --kv-dtype fp31", "did you mean fp32?"},
      {"--workload w --weight-dtype int32",
       "--weight-dtype is 'int32' (it must be one of: int8, bf16, fp16, fp32, fp8)"},
      {"--workload w --temperature -1", "--temperature is '-1'"},
      {"--workload w --temperature nan", "--temperature is 'nan'"},
      {"--workload w --temperature 1 --top-k -1", "--top-k is '-1'"},
      {"--workload w --temperature 1 --top-p 0", "--top-p is '0' (it must be a number above 0 and up to 1)"},
      {"--workload w --temperature 1 --top-p 1.1", "--top-p is '1.1'"},
      {"--workload w --temperature 1 --top-p nan", "--top-p is 'nan'"},
      {"--workload w --goodput ttft", "--goodput is 'ttft' (it must be a list of limits"},
      {"--workload w --goodput ttft:", "--goodput is 'ttft:'"},
      {"--workload w --goodput ttft:0", "--goodput is 'ttft:0'"},
      {"--workload w --goodput ttft:-1ms", "--goodput is 'ttft:-1ms'"},
      {"--workload w --goodput ttfb:1ms", "each of another of ttft, tpot, itl_gap, itl_tok and e2el"},
      {"--workload w --goodput ttft:1ms,tpot:2ms,ttft:3ms", "each of another of"},
      {"--workload w --goodput ttft:1ms,", "--goodput is 'ttft:1ms,'"},
      {"--workload w --trace ''", "--trace is ''"},
  };
  expect_all_refused(cases);
}

BOOST_AUTO_TEST_CASE(what_decode_is_asked_for_has_one_meaning) {
  constexpr Case cases[] = {
      {"--request-rate 1 --concurrency 2", "--request-rate and --concurrency contradict each other (each says when"},
      {"--request-rate 1 --trace f", "--request-rate and --trace contradict"},
      {"--concurrency 1 --trace f", "--concurrency and --trace contradict"},
      {"--trace f --requests 3", "--trace and --requests contradict each other (each line of the trace is a request)"},
      {"--trace f --input-tokens 3", "--trace and --input-tokens contradict each other (the trace says how long"},
      {"--trace f --output-tokens 3", "--trace and --output-tokens contradict"},
      {"--trace f --prompt-tokens p", "--trace and --prompt-tokens contradict"},
      {"--prompt-tokens p --input-tokens 3", "--prompt-tokens and --input-tokens contradict"},
      {"--batch 1,2 --concurrency 1,2", "--batch and --concurrency are both lists"},
      {"--batch 1,2 --request-rate 1,2", "--batch and --request-rate are both lists"},
      {"--find-rate", "--find-rate without --goodput"},
      {"--find-rate --goodput ttft:1 --request-rate 1", "--find-rate and --request-rate contradict"},
      {"--find-rate --goodput ttft:1 --request-rate 1,2", "--find-rate and --request-rate contradict"},
      {"--find-rate --goodput ttft:1 --concurrency 1", "--find-rate and --concurrency contradict"},
      {"--find-rate --goodput ttft:1 --trace f", "--find-rate and --trace contradict"},
      {"--find-rate --goodput ttft:1 --scale 1,2", "--find-rate with the list of --scale"},
      {"--find-rate --goodput ttft:1 --batch 1,2", "--find-rate with the list of --batch"},
      {"--top-k 3", "--top-k without a --temperature above 0"},
      {"--top-p 0.5 --temperature 0", "--top-p without a --temperature above 0"},
  };
  for (const auto& [line, part] : cases) expect_refused(std::string("--workload w ") + line, part);
}

BOOST_AUTO_TEST_CASE(hostile_words_end_in_one_printable_line) {
  const std::string lines[] = {"--\x1b[31m",
                               "--workload w --seed \xff\xfe",
                               "--workload w --" + std::string(100'000, 'x'),
                               "--workload w --scale " + std::string(100'000, ','),
                               "-",
                               "--=",
                               "--=3",
                               "-=",
                               "--workload w --seed " + std::string(100'000, '9'),
                               "--workload w --goodput " + std::string(100'000, ':'),
                               "--workload w --request-rate " + std::string(100'000, '9'),
                               "--workload w --input-tokens uniform:1:" + std::string(100'000, '9')};
  for (const std::string& line : lines) {
    BOOST_TEST_CONTEXT(line.substr(0, 40)) {
      std::string message;
      try {
        parsed(line);
      } catch (const Error& error) {
        message = error.what();
      }
      BOOST_TEST((!message.empty() && message.size() < 1000u));
      for (const char c : message) BOOST_TEST_REQUIRE((c >= ' ' && c <= '~'));
    }
  }
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace scalebench
