// Llama-3-70B generates tokens for many requests at a time, cut over the ranks of a node, replicas across nodes.
#include "workloads/blocks/decode_step.hpp"
#include "workloads/registry.hpp"
#include "workloads/tensor_ranks.hpp"

namespace scalebench {

static const Register decode_llama3_70b{{
    .name = "decode_llama3_70b",
    .summary = "Llama-3-70B prefill and decode, tensor parallelism within a node, replicas across",
    .kind = WorkloadKind::decode,
    .model = "llama3-70b",
    .plan =
        [](int ranks, int ranks_per_node) {
          const int tp = tensor_ranks(ranks_per_node);
          return ParallelPlan{.dp = ranks / tp, .tp = tp, .overlap = false, .dtype = DType::bf16};
        },
    .prepare = make_decode_step,
    .serving = {.input = {.first = 128}, .output = {.first = 128}, .batch = 8},
}};

}  // namespace scalebench
