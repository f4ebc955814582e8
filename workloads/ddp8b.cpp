// Llama-3-8B full fine-tune, every rank with all parameters (DDP).
#include "workloads/blocks/train_step.hpp"
#include "workloads/registry.hpp"

namespace scalebench {

static const Register ddp8b{{
    .name = "ddp8b",
    .summary = "Llama-3-8B full fine-tune, all parameters on every rank (DDP)",
    .model = "llama3-8b",
    .plan =
        [](int ranks, int /*ranks_per_node*/) {
          return ParallelPlan{
              .dp = ranks, .shard = Shard::none, .sequence = 2048, .dtype = DType::bf16, .recompute = Recompute::full};
        },
    .prepare = make_train_step,
}};

}  // namespace scalebench
