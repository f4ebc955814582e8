// Qwen3-8B generates tokens for many requests at a time, a copy of the model on every rank.
#include "workloads/blocks/decode_step.hpp"
#include "workloads/registry.hpp"

namespace scalebench {

static const Register decode_qwen3_8b{{
    .name = "decode_qwen3_8b",
    .summary = "Qwen3-8B prefill and decode, continuous batching, a replica on every rank",
    .kind = WorkloadKind::decode,
    .model = "qwen3-8b",
    .plan = [](int ranks,
               int /*ranks_per_node*/) { return ParallelPlan{.dp = ranks, .overlap = false, .dtype = DType::bf16}; },
    .prepare = make_decode_step,
    .serving = {.input = {.first = 128}, .output = {.first = 128}, .batch = 8},
}};

}  // namespace scalebench
