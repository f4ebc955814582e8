// The test that comparisons of GPUs quote: Qwen3-8B answers 100 requests with 100 new tokens each, one after another.
// Prompts of 128 tokens; the best token is taken (greedy); answers do not end before their 100 tokens.
#include "workloads/blocks/decode_step.hpp"
#include "workloads/registry.hpp"
#include "workloads/tensor_ranks.hpp"

namespace scalebench {

static const Register decode_qwen3_100x100{{
    .name = "decode_qwen3_100x100",
    .summary = "Qwen3-8B, 100 requests of 100 new tokens one after another (prompts of 128, greedy, no early end)",
    .kind = WorkloadKind::decode,
    .model = "qwen3-8b",
    .plan =
        [](int ranks, int ranks_per_node) {
          const int tp = tensor_ranks(ranks_per_node);
          return ParallelPlan{.dp = ranks / tp, .tp = tp, .overlap = false, .dtype = DType::bf16};
        },
    .prepare = make_decode_step,
    .serving = {.input = {.first = 128},
                .output = {.first = 100},
                .requests = 100,
                .batch = 1,
                .concurrency = 1,
                .ignore_eos = true},
}};

}  // namespace scalebench
