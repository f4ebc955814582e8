// Llama-3-70B full fine-tune through a pipeline of 4 stages, or of 2 where 4 don't divide the ranks; what is left of a
// node cuts the layers (tensor parallelism), what is left then are replicas.
#include <numeric>

#include "workloads/blocks/train_step.hpp"
#include "workloads/registry.hpp"
#include "workloads/tensor_ranks.hpp"

namespace scalebench {

static const Register pp70b{{
    .name = "pp70b",
    .summary = "Llama-3-70B full fine-tune, layers over the stages of a pipeline (1F1B), then tensor parallelism",
    .model = "llama3-70b",
    .plan =
        [](int ranks, int ranks_per_node) {
          const int stages = ranks % 4 == 0 ? 4 : ranks % 2 == 0 ? 2 : 1;
          const int tp = tensor_ranks(std::gcd(ranks / stages, ranks_per_node));
          return ParallelPlan{.dp = ranks / stages / tp,
                              .tp = tp,
                              .pp = stages,
                              .sequence_parallel = tp > 1,
                              .shard = Shard::none,
                              .sequence = 4096,
                              .dtype = DType::bf16,
                              .recompute = Recompute::full};
        },
    .prepare = make_train_step,
}};

}  // namespace scalebench
