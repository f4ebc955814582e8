// Llama-3-70B full fine-tune, parameters sharded over all ranks (FSDP, ZeRO-3).
#include "workloads/blocks/train_step.hpp"
#include "workloads/registry.hpp"

namespace scalebench {

static const Register fsdp70b{{
    .name = "fsdp70b",
    .summary = "Llama-3-70B full fine-tune, parameters sharded over all ranks (FSDP)",
    .model = "llama3-70b",
    .plan =
        [](int ranks, int /*ranks_per_node*/) {
          return ParallelPlan{.dp = ranks,
                              .shard = Shard::parameters,
                              .sequence = 4096,
                              .dtype = DType::bf16,
                              .recompute = Recompute::full};
        },
    .prepare = make_train_step,
}};

}  // namespace scalebench
