// The training step of the bars, through the workload and the doors that every run goes through.
#pragma once

#include <memory>

#include "app/backend.hpp"
#include "workloads/blocks/train_step.hpp"

namespace scalebench::bench {

inline ModelSpec step_model() {
  return {.name = "bench",
          .layers = 4,
          .hidden = 1024,
          .feed_forward = 2816,
          .heads = 8,
          .kv_heads = 2,
          .head_dim = 128,
          .vocabulary = 2048,
          .max_sequence = 512,
          .rope_theta = 5e5,
          .norm_epsilon = 1e-5};
}

// The whole sequence, the least batch that `plan` allows unless it says one, no recomputation.
Assignment step_assignment(const ModelSpec& model, ParallelPlan plan);

class Training {
 public:
  Training(MpiSession& session, int threads, const Assignment& assignment);

  void run() { step_->run(iteration_++); }
  double flops() const;  // of one step on one rank, `megatron`
  Backend& backend() { return backend_; }
  const Assignment& assignment() const { return assignment_; }
  // Throws unless the loss is finite and has fallen since the first step: what was timed was training.
  void check_loss();

 private:
  Assignment assignment_;
  Backend backend_;
  std::unique_ptr<Step> step_;
  std::int64_t iteration_ = 0;
};

}  // namespace scalebench::bench
