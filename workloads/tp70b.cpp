// Llama-3-70B full fine-tune, every layer cut over the ranks of a node (tensor parallelism), replicas across nodes.
#include "workloads/blocks/train_step.hpp"
#include "workloads/registry.hpp"
#include "workloads/tensor_ranks.hpp"

namespace scalebench {

static const Register tp70b{{
    .name = "tp70b",
    .summary = "Llama-3-70B full fine-tune, tensor parallelism within a node, data parallelism across",
    .model = "llama3-70b",
    .plan =
        [](int ranks, int ranks_per_node) {
          const int tp = tensor_ranks(ranks_per_node);
          return ParallelPlan{.dp = ranks / tp,
                              .tp = tp,
                              .sequence_parallel = tp > 1,
                              .shard = Shard::none,
                              .sequence = 4096,
                              .dtype = DType::bf16,
                              .recompute = Recompute::full};
        },
    .prepare = make_train_step,
}};

}  // namespace scalebench
