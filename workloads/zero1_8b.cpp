// Llama-3-8B full fine-tune, the optimizer's state sharded over all ranks (ZeRO-1).
#include "workloads/blocks/train_step.hpp"
#include "workloads/registry.hpp"

namespace scalebench {

static const Register zero1_8b{{
    .name = "zero1_8b",
    .summary = "Llama-3-8B full fine-tune, the optimizer's state sharded over all ranks (ZeRO-1)",
    .model = "llama3-8b",
    .plan =
        [](int ranks, int /*ranks_per_node*/) {
          return ParallelPlan{.dp = ranks,
                              .shard = Shard::optimizer,
                              .sequence = 2048,
                              .dtype = DType::bf16,
                              .recompute = Recompute::full};
        },
    .prepare = make_train_step,
}};

}  // namespace scalebench
