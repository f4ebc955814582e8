// Plain data parallelism (DDP): every rank holds all parameters; gradients are all-reduced in buckets while the
// backward goes on.
#include <algorithm>
#include <utility>

#include "workloads/blocks/sharding.hpp"

namespace scalebench {

namespace {

class Ddp final : public Sharding {
 public:
  Ddp(Device& device, Mesh& mesh, const ParallelPlan& plan, std::vector<Unit> units, const Initial& initial)
      : device_(device),
        reduce_(mesh.along(Axis::dp, Purpose::reduce)),
        plan_(plan),
        units_(std::move(units)),
        begin_(units_.size()),
        visited_(units_.size()) {
    // In the order in which the backward finishes them, so that a bucket is one piece of memory.
    for (std::size_t unit = units_.size(); unit-- > 0;) {
      begin_[unit] = count_;
      count_ += padded(unit);
    }
    allocate_states(initial);
  }

  void begin_step() override {
    reduced_ = 0;
    std::fill(visited_.begin(), visited_.end(), char{0});
    reduce_.wait(device_.record());
  }

  Tensor acquire(std::size_t unit) override { return part_of(parameters_, unit); }
  void release(std::size_t) override {}

  Gradient gradient(std::size_t unit) override {
    const Tensor flat = part_of(state_.gradient, unit);
    const bool fresh = !std::exchange(visited_[unit], char{1});
    if (fresh) clear_additive(device_, units_[unit], flat);
    return {flat, fresh};
  }

  void reduce(std::size_t unit) override {
    const std::int64_t whole = begin_[unit] + padded(unit);  // gradients [0, whole) are ready
    const auto bucket = std::max<std::int64_t>(1, plan_.bucket_bytes / 4);
    const bool last = unit == 0;
    if (!last && whole - reduced_ < bucket) return;
    const Tensor& summed = rounds() ? rounded_ : state_.gradient;
    if (const std::int64_t count = whole - reduced_; rounds() && count > 0)
      device_.run(Convert{.from = state_.gradient.slice(0, reduced_, count), .to = summed.slice(0, reduced_, count)});
    reduce_.wait(device_.record());
    reduce_.together([&] {
      while (whole - reduced_ >= bucket || (last && reduced_ < whole)) {
        const Tensor piece = summed.slice(0, reduced_, std::min(bucket, whole - reduced_));
        reduce_.run(AllReduce{.input = piece, .output = piece});
        reduced_ += piece.count();
      }
    });
  }

  void finish() override {
    device_.wait(reduce_.record());
    if (rounds()) device_.run(Convert{.from = rounded_, .to = state_.gradient});
  }
  std::span<const OptimizerState> states() const override { return {&state_, 1}; }
  std::vector<double> whole_gradient(std::size_t unit) override { return read(state_.gradient, unit); }
  std::vector<double> whole_parameters(std::size_t unit) override { return read(state_.master, unit); }

 private:
  bool rounds() const { return plan_.reduce_dtype != DType::f32 && reduce_.size() > 1; }
  std::int64_t padded(std::size_t unit) const { return units_[unit].padded(1, grain_of(plan_)); }
  Tensor part_of(const Tensor& all, std::size_t unit) const { return all.slice(0, begin_[unit], padded(unit)); }
  std::vector<double> read(const Tensor& all, std::size_t unit) {
    return device_.read(all.slice(0, begin_[unit], units_[unit].count()));
  }

  void allocate_states(const Initial& initial) {
    memory_ = {device_.allocate(DType::f32, {count_}, Use::states, "gradient"), make_master(device_, plan_, count_)};
    moments_ = make_moments(device_, plan_, count_);
    state_ = {.gradient = memory_[0], .master = memory_[1]};
    hand_out(moments_, 0, count_, state_);
    for (std::size_t unit = units_.size(); unit-- > 0;)
      add_runs(plan_, units_[unit], 0, padded(unit), begin_[unit], state_.runs);
    if (rounds()) rounded_ = device_.allocate(plan_.reduce_dtype, {count_}, Use::gradients, "rounded");
    const bool alike = held_alike(units_, plan_.tp);
    if (alike) state_.held = {{state_.gradient, plan_.dp}};
    for (std::size_t unit = units_.size(); !alike && unit-- > 0;)
      add_held(state_.held, units_[unit], part_of(state_.gradient, unit), 0, plan_.dp, plan_.tp);
    for (std::size_t unit = 0; unit < units_.size(); ++unit)
      initialise(device_, units_[unit], part_of(state_.master, unit), 0, initial);
    parameters_ = state_.master;
    if (plan_.dtype == DType::f32) return;
    copy_ = device_.allocate(plan_.dtype, {count_}, Use::states, "parameters");
    device_.run(Convert{.from = state_.master, .to = copy_});
    parameters_ = state_.copy = copy_;
  }

  Device& device_;
  Communicator& reduce_;
  ParallelPlan plan_;
  std::vector<Unit> units_;
  std::int64_t count_ = 0;
  std::vector<std::int64_t> begin_;  // of each unit, in the state
  std::array<Buffer, 2> memory_{};
  Moments moments_{};
  Buffer copy_{};
  Buffer rounded_{};  // [P]: what is reduced where that is not fp32
  OptimizerState state_{};
  Tensor parameters_{};
  std::int64_t reduced_ = 0;  // elements handed to the reductions of this step
  std::vector<char> visited_;
};

}  // namespace

std::unique_ptr<Sharding> make_ddp(Device& device, Mesh& mesh, const ParallelPlan& plan, std::vector<Unit> units,
                                   const Initial& initial) {
  return std::make_unique<Ddp>(device, mesh, plan, std::move(units), initial);
}

}  // namespace scalebench
