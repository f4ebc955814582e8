// GPT-3 175B as Megatron-LM trains it: every layer cut over the ranks of a node, a pipeline of up to 8 nodes, replicas
// of that beyond, which share the optimizer's state (Narayanan et al. 2021; Korthikanti et al. 2022).
#include "workloads/blocks/train_step.hpp"
#include "workloads/registry.hpp"
#include "workloads/tensor_ranks.hpp"

namespace scalebench {

static const Register gpt175b{{
    .name = "gpt175b",
    .summary = "GPT-3 175B pre-training: tensor parallelism within a node, a pipeline over nodes, ZeRO-1 beyond",
    .model = "gpt3-175b",
    .plan =
        [](int ranks, int ranks_per_node) {
          const int tp = tensor_ranks(ranks_per_node);
          const int stages = tensor_ranks(ranks / tp);  // powers of two up to 8 divide the 96 layers, too
          return ParallelPlan{.dp = ranks / tp / stages,
                              .tp = tp,
                              .pp = stages,
                              .sequence_parallel = tp > 1,
                              .shard = Shard::optimizer,
                              .sequence = 2048,
                              .dtype = DType::bf16,
                              .recompute = Recompute::attention};
        },
    .prepare = make_train_step,
}};

}  // namespace scalebench
