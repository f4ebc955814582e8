#include "workloads/blocks/update.hpp"

#include <cmath>

namespace scalebench {

namespace {
constexpr double kFirstScale = 65536;  // torch.amp.GradScaler's
}

Update::Update(World& world, const Assignment& a, Sharding& sharding, const Tensor& counter)
    : device_(world.device),
      everyone_(world.mesh.along(Axis::world, Purpose::scalars)),
      sharding_(sharding),
      plan_(a.plan),
      seed_(a.seed),
      counter_(counter),
      scalars_(device_.allocate(DType::f32, {scales_loss() ? 4 : 2}, Use::buffers, "loss_and_norm")) {
  if (scales_loss()) {
    steps_ = device_.allocate(DType::i32, {2}, Use::buffers, "steps");
    device_.run(Fill{.to = steps_});
    set_scale(kFirstScale);
  }
  if (plan_.offload)
    offloaded_ = std::make_unique<OffloadedUpdate>(device_, adamw_of_all(), masters_on_host(plan_), plan_.overlap);
}

Tensor Update::loss_scale() const { return scales_loss() ? scalars_.tensor().slice(0, 2, 1) : Tensor{}; }

void Update::set_scale(double scale) {
  device_.run(Fill{.to = loss_scale(), .value = scale});
  device_.run(Fill{.to = inverse_scale(), .value = 1 / scale});
}

void Update::restore_scale() {
  if (scales_loss()) device_.run(Fill{.to = loss_scale(), .value = kFirstScale});
}

bool Update::halve_scale() {
  const std::vector<double> scalars = device_.read(scalars_);
  if (!scales_loss() || scalars.empty() || std::isfinite(scalars[1]) || scalars[2] <= 1) return false;
  set_scale(scalars[2] / 2);
  return true;
}

void Update::begin_step() { device_.run(Fill{.to = loss_and_norm()}); }

void Update::prefetch() {
  if (offloaded_) offloaded_->prefetch();
}

void Update::add_up() {
  for (const OptimizerState& s : sharding_.states())
    for (const HeldGradient& part : s.held)
      device_.run(SumOfSquares{.values = part.values, .total = squared_norm(), .weight = 1.0 / part.holders});
  everyone_.wait(device_.record());
  device_.wait(everyone_.run(AllReduce{.input = loss_and_norm(), .output = loss_and_norm()}));
}

void Update::run() {
  if (scales_loss())
    device_.run(
        UpdateLossScale{.squared_norm = squared_norm(), .scale = scalars_.tensor().slice(0, 2, 2), .steps = steps_});
  if (offloaded_) return offloaded_->run();
  const OptimizerSettings& o = plan_.optimizer;
  if (o.kind == Optimizer::adamw) return device_.run(MultiAdamW{adamw_of_all()});
  for (const OptimizerState& s : sharding_.states())
    device_.run(Sgd{.gradient = s.gradient,
                    .master = s.master,
                    .copy = s.copy,
                    .squared_norm = squared_norm(),
                    .inverse_scale = inverse_scale(),
                    .learning_rate = o.learning_rate,
                    .clip = o.clip});
}

StepValues Update::values_of(const std::vector<double>& scalars) const {
  StepValues values{.loss = scalars[0], .gradient_norm = std::sqrt(scalars[1])};
  if (scales_loss()) values.loss_scale = 1 / scalars[3];
  return values;
}

double Update::inverse_scale_of(const std::vector<double>& scalars) const {
  return scales_loss() && !scalars.empty() ? scalars[3] : 1;
}

AdamW Update::adamw(const OptimizerState& s) const {
  const OptimizerSettings& o = plan_.optimizer;
  return {.gradient = s.gradient,
          .master = s.master,
          .moment1 = s.moment1,
          .moment2 = s.moment2,
          .scale1 = s.scale1,
          .scale2 = s.scale2,
          .copy = s.copy,
          .squared_norm = squared_norm(),
          .counter = scales_loss() ? steps_.tensor().slice(0, 1, 1) : counter_,
          .inverse_scale = inverse_scale(),
          .learning_rate = o.learning_rate,
          .beta1 = o.beta1,
          .beta2 = o.beta2,
          .epsilon = o.epsilon,
          .weight_decay = o.weight_decay,
          .clip = o.clip,
          .seed = seed_,
          .numbers = s.runs};
}

std::vector<AdamW> Update::adamw_of_all() const {
  std::vector<AdamW> updates;
  for (const OptimizerState& s : sharding_.states()) updates.push_back(adamw(s));
  return updates;
}

}  // namespace scalebench
