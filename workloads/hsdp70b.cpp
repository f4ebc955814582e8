// Llama-3-70B full fine-tune, parameters sharded within a node, copies across nodes (HSDP).
#include "workloads/blocks/train_step.hpp"
#include "workloads/registry.hpp"

namespace scalebench {

static const Register hsdp70b{{
    .name = "hsdp70b",
    .summary = "Llama-3-70B full fine-tune, parameters sharded within a node, copies across nodes (HSDP)",
    .model = "llama3-70b",
    .plan =
        [](int ranks, int ranks_per_node) {
          return ParallelPlan{.dp = ranks,
                              .shard_group = default_shard_group(ranks, ranks_per_node),
                              .shard = Shard::hybrid,
                              .sequence = 4096,
                              .dtype = DType::bf16,
                              .recompute = Recompute::full};
        },
    .prepare = make_train_step,
}};

}  // namespace scalebench
