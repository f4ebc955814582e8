#include "tests/bench/training.hpp"

#include <cmath>

#include "base/check.hpp"

namespace scalebench::bench {

Assignment step_assignment(const ModelSpec& model, ParallelPlan plan) {
  if (plan.global_batch == 0) plan.global_batch = plan.dp * plan.micro_batch;
  plan.sequence = model.max_sequence;
  plan.optimizer.learning_rate = 1e-4;
  validate(plan, model, plan.ranks());
  return {.model = model, .plan = plan};
}

Training::Training(MpiSession& session, int threads, const Assignment& assignment)
    : assignment_(assignment), backend_(make_cpu_backend(session, threads, Waiting::eager, assignment.plan)) {
  World world = backend_.world();
  step_ = make_train_step(world, assignment_);
  run();  // the one that records the tape, with the waits checked
  backend_.witness->check_waits(false);
}

double Training::flops() const {
  const ParallelPlan& plan = assignment_.plan;
  return training_flops_per_token(assignment_.model, plan.sequence).megatron *
         static_cast<double>(plan.micro_batch * plan.sequence);
}

void Training::check_loss() {
  const std::vector<StepValues> values = step_->values(true);
  const double first = values.front().loss, last = values.back().loss;
  ensure(std::isfinite(last) && last < first, "the loss of the bench's training went from {} to {}", first, last);
}

}  // namespace scalebench::bench
