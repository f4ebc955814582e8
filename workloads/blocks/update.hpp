// What becomes of a step's gradients: their norm over all ranks, the scale of fp16's loss, the update of the
// parameters.
#pragma once

#include <memory>
#include <vector>

#include "workloads/blocks/offload.hpp"
#include "workloads/blocks/sharding.hpp"
#include "workloads/workload.hpp"

namespace scalebench {

class Update {
 public:
  // `counter`: i32 [1], the number of the step. `sharding` must outlive it.
  Update(World& world, const Assignment& assignment, Sharding& sharding, const Tensor& counter);

  Tensor loss() const { return scalars_.tensor().slice(0, 0, 1); }  // fp32 [1]: each rank adds its share
  // fp32 [1], which the loss is multiplied by; undefined unless the plan is of fp16, whose gradients would vanish below
  // 6e-8. UpdateLossScale makes it of how they come out.
  Tensor loss_scale() const;

  // In this order.
  void begin_step();
  void prefetch();  // gradients are whole: what the update needs may come
  void add_up();    // loss and norm of all ranks
  void run();

  const Tensor& scalars() const { return scalars_.tensor(); }  // fp32, of which values_of() knows what they are
  StepValues values_of(const std::vector<double>& scalars) const;
  // Of gradients as they lie in memory after add_up(): 1 / what they are multiplied by.
  double inverse_scale_of(const std::vector<double>& scalars) const;

  // For a step that is only differentiated: after add_up(), whether gradients overflowed and a smaller scale is there
  // to try; and the first scale for
  // the next step.
  bool halve_scale();
  void restore_scale();

 private:
  bool scales_loss() const { return plan_.dtype == DType::f16; }
  Tensor squared_norm() const { return scalars_.tensor().slice(0, 1, 1); }
  Tensor loss_and_norm() const { return scalars_.tensor().slice(0, 0, 2); }
  Tensor inverse_scale() const { return scales_loss() ? scalars_.tensor().slice(0, 3, 1) : Tensor{}; }
  void set_scale(double scale);
  AdamW adamw(const OptimizerState& state) const;
  std::vector<AdamW> adamw_of_all() const;

  Device& device_;
  Communicator& everyone_;
  Sharding& sharding_;
  ParallelPlan plan_;
  std::uint64_t seed_;
  Tensor counter_;
  Buffer scalars_;  // loss, squared norm; of fp16 also the loss's scale, 1 / that of the last step
  Buffer steps_{};  // i32 [2]: of UpdateLossScale
  std::unique_ptr<OffloadedUpdate> offloaded_{};  // where the optimizer's states are in the host's memory
};

}  // namespace scalebench
