// all_reduce as nccl-tests measures it: time, algorithm and bus bandwidth over message sizes.
#include "workloads/blocks/collective_step.hpp"
#include "workloads/registry.hpp"

namespace scalebench {

static const Register all_reduce{{
    .name = "all_reduce",
    .summary = "all_reduce over message sizes, with nccl-tests' columns and exact data check",
    .kind = WorkloadKind::collective,
    .plan = [](int ranks, int /*ranks_per_node*/) { return ParallelPlan{.dp = ranks, .overlap = false}; },
    .prepare = make_all_reduce_step,
}};

}  // namespace scalebench
