// FSDP (ZeRO-3): parameters, gradients and optimizer state sharded over the data-parallel ranks. A unit is gathered
// some uses ahead, while others compute, and its gradient is reduce-scattered while the backward goes on. One rank
// alone has the whole as its shard: nothing is moved.
//
// ZeRO-2 (PyTorch's SHARD_GRAD_OP) is the same with a unit's parameters whole from its first use in the step to its
// last. HSDP is the same within a group of ranks; what a rank has reduced there is then added up over the groups.
#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "base/check.hpp"
#include "workloads/blocks/sharding.hpp"

namespace scalebench {

namespace {

// Memory for whole parameters, shared by uses that never overlap.
struct GatherSlot {
  Buffer memory{};  // [padded]
  Event ready{};    // of the gather
  Event free{};     // of the last read
  bool released = true;
};

struct GradientSlot {
  Buffer memory{};   // fp32 [padded]
  Buffer rounded{};  // [padded]: what is reduced where that is not fp32
  Event free{};      // of the reduction that read either
};

struct UseOfUnit {
  std::size_t unit, slot;
  bool gather;  // false: the slot still holds it
};

class Fsdp final : public Sharding {
 public:
  Fsdp(Device& device, Mesh& mesh, const ParallelPlan& plan, std::vector<Unit> units, std::vector<std::size_t> order,
       const Initial& initial)
      : device_(device),
        gather_(mesh.along(shared_by(plan), Purpose::gather)),
        reduce_(mesh.along(shared_by(plan), Purpose::reduce)),
        plan_(plan),
        units_(std::move(units)) {
    if (plan.shard == Shard::gradients) plan_.reshard_after_forward = false;
    if (mesh.group(Axis::replicate).size > 1) replicas_ = &mesh.along(Axis::replicate, Purpose::reduce);
    allocate_states(initial);
    plan_uses(order);
    allocate_gradients();
  }

  void begin_step() override {
    next_ = issued_ = 0;
    const Event start = device_.record();
    for (GatherSlot& slot : slots_) slot.free = start, slot.released = true;
    for (GradientSlot& slot : gradients_) slot.free = start;
    std::fill(visited_.begin(), visited_.end(), char{0});
    reduce_.wait(start);
  }

  Tensor acquire(std::size_t unit) override {
    ensure(next_ < uses_.size() && uses_[next_].unit == unit, "unit {} is acquired out of order", unit);
    const std::size_t last = std::min(next_ + static_cast<std::size_t>(plan_.prefetch), uses_.size() - 1);
    for (; issued_ <= last && (slots_[uses_[issued_].slot].released || !uses_[issued_].gather); ++issued_)
      gather(issued_);
    const UseOfUnit& use = uses_[next_];
    ensure(issued_ > next_, "unit {} is acquired while its memory is still in use", unit);
    if (shard_is_whole()) return shard_of(parameters(), unit);
    GatherSlot& slot = slots_[use.slot];
    device_.wait(slot.ready);
    return slot.memory;
  }

  void release(std::size_t unit) override {
    GatherSlot& slot = slots_[uses_[next_].slot];
    ensure(uses_[next_].unit == unit, "unit {} is released out of order", unit);
    ++next_;
    slot.free = device_.record();
    slot.released = next_ >= uses_.size() || !holds_on(next_ - 1);
  }

  Gradient gradient(std::size_t unit) override {
    const bool fresh = !std::exchange(visited_[unit], char{1});
    if (fresh && !alone()) device_.wait(gradients_[gradient_slot_[unit]].free);
    const Tensor flat = gradient_memory(unit);
    if (fresh) clear_additive(device_, units_[unit], flat);
    return {flat, fresh};
  }

  void reduce(std::size_t unit) override {
    const Tensor shard = shard_of(rounds() ? rounded_.tensor() : state_.gradient, unit), whole = gradient_memory(unit);
    const Tensor reduced = !rounds() ? whole : alone() ? shard : rounded_memory(unit);
    if (rounds()) device_.run(Convert{.from = whole, .to = reduced});
    Event summed = device_.record();
    if (!alone()) {
      reduce_.wait(summed);
      summed = reduce_.run(ReduceScatter{.full = reduced, .shard = shard});
      gradients_[gradient_slot_[unit]].free = summed;
    }
    if (replicas_ == nullptr) return;
    replicas_->wait(summed);
    replicas_->run(AllReduce{.input = shard, .output = shard});
  }

  void finish() override {
    device_.wait(reduce_.record());
    device_.wait(gather_.record());
    if (replicas_ != nullptr) device_.wait(replicas_->record());
    if (rounds()) device_.run(Convert{.from = rounded_, .to = state_.gradient});
  }

  std::span<const OptimizerState> states() const override { return {&state_, 1}; }
  std::vector<double> whole_gradient(std::size_t unit) override { return whole(state_.gradient, unit); }
  std::vector<double> whole_parameters(std::size_t unit) override { return whole(state_.master, unit); }

 private:
  static Axis shared_by(const ParallelPlan& plan) { return plan.shard == Shard::hybrid ? Axis::shard : Axis::dp; }
  int copies() const { return replicas_ == nullptr ? 1 : replicas_->size(); }
  std::int64_t padded(std::size_t unit) const { return units_[unit].padded(gather_.size(), grain_of(plan_)); }
  std::int64_t shard_count(std::size_t unit) const { return padded(unit) / gather_.size(); }
  bool alone() const { return gather_.size() == 1; }
  bool rounds() const { return plan_.reduce_dtype != DType::f32 && (!alone() || replicas_ != nullptr); }
  // Of the plan's dtype: what is gathered as it is.
  const Tensor& parameters() const { return state_.copy.defined() ? state_.copy : state_.master; }
  bool shard_is_whole() const { return alone() && parameters().dtype() == plan_.dtype; }
  Tensor gradient_memory(std::size_t unit) const {
    if (alone()) return shard_of(state_.gradient, unit);
    return gradients_[gradient_slot_[unit]].memory.tensor().slice(0, 0, padded(unit));
  }
  Tensor rounded_memory(std::size_t unit) const {
    return gradients_[gradient_slot_[unit]].rounded.tensor().slice(0, 0, padded(unit));
  }
  Tensor shard_of(const Tensor& all, std::size_t unit) const {
    return all.slice(0, shard_begin_[unit], shard_count(unit));
  }

  void allocate_states(const Initial& initial) {
    std::int64_t count = 0;
    for (std::size_t unit = 0; unit < units_.size(); ++unit) {
      shard_begin_.push_back(count);
      count += shard_count(unit);
    }
    memory_ = {device_.allocate(DType::f32, {count}, Use::states, "gradient_shard"),
               make_master(device_, plan_, count)};
    moments_ = make_moments(device_, plan_, count);
    state_ = {.gradient = memory_[0], .master = memory_[1]};
    hand_out(moments_, 0, count, state_);
    for (std::size_t unit = 0; unit < units_.size(); ++unit)
      add_runs(plan_, units_[unit], gather_.rank() * shard_count(unit), shard_count(unit), shard_begin_[unit],
               state_.runs);
    if (rounds()) rounded_ = device_.allocate(plan_.reduce_dtype, {count}, Use::gradients, "reduced_shard");
    const bool alike = held_alike(units_, plan_.tp);
    if (alike) state_.held = {{state_.gradient, copies()}};
    for (std::size_t unit = 0; !alike && unit < units_.size(); ++unit)
      add_held(state_.held, units_[unit], shard_of(state_.gradient, unit), gather_.rank() * shard_count(unit), copies(),
               plan_.tp);
    for (std::size_t unit = 0; unit < units_.size(); ++unit)
      initialise(device_, units_[unit], shard_of(state_.master, unit), gather_.rank() * shard_count(unit), initial);
    if (!masters_on_host(plan_)) return;
    copy_ = device_.allocate(plan_.dtype, {count}, Use::states, "parameter_shard");
    device_.run(Convert{.from = state_.master, .to = copy_});
    state_.copy = copy_;
  }

  bool is_layer(std::size_t unit) const { return units_[unit].kind == UnitKind::layer; }
  static std::string label_of(std::string_view prefix, const Unit& unit) {
    return fmt::format("{}_{}", prefix,
                       unit.kind == UnitKind::layer  ? "layer"
                       : unit.kind == UnitKind::head ? "head"
                                                     : "embedding");
  }

  // Layers take turns in the first slots, whatever else there is has one of its own behind: the slot of each unit.
  std::vector<std::size_t> slots_of_units(std::size_t turns) const {
    std::vector<std::size_t> slots;
    std::size_t layer = 0, own = turns;
    for (std::size_t unit = 0; unit < units_.size(); ++unit) slots.push_back(is_layer(unit) ? layer++ % turns : own++);
    return slots;
  }

  // Layers take turns in prefetch + 1 slots; with reshard_after_forward off, each has its
  // own. A use that follows the same unit's last use in its slot needs no gather.
  void plan_uses(const std::vector<std::size_t>& order) {
    const std::size_t layers = layers_of(units_);
    const std::size_t turns =
        plan_.reshard_after_forward ? std::min(static_cast<std::size_t>(plan_.prefetch) + 1, layers) : layers;
    const std::vector<std::size_t> slot_of = slots_of_units(turns);
    slots_.resize(turns + units_.size() - layers);
    if (!shard_is_whole())
      for (std::size_t unit = 0; unit < units_.size(); ++unit) {
        GatherSlot& slot = slots_[slot_of[unit]];
        if (!slot.memory.tensor().defined())
          slot.memory =
              device_.allocate(plan_.dtype, {padded(unit)}, Use::gathered, label_of("gathered", units_[unit]));
      }

    std::vector<std::size_t> holder(slots_.size(), units_.size());  // none
    std::size_t turn = turns - 1;
    for (const std::size_t unit : order) {
      std::size_t slot = slot_of[unit];
      if (is_layer(unit) && plan_.reshard_after_forward) {
        if (holder[turn] != unit) turn = (turn + 1) % turns;
        slot = turn;
      }
      uses_.push_back({unit, slot, holder[slot] != unit});
      holder[slot] = unit;
    }
  }

  // Accumulation keeps every unit's whole gradient; otherwise layers take turns in two.
  void allocate_gradients() {
    visited_.assign(units_.size(), 0);
    if (alone()) return;
    const std::size_t layers = layers_of(units_);
    const std::size_t turns = plan_.accumulation() > 1 ? layers : std::min<std::size_t>(2, layers);
    gradient_slot_ = slots_of_units(turns);
    gradients_.resize(turns + units_.size() - layers);
    for (std::size_t unit = 0; unit < units_.size(); ++unit) {
      GradientSlot& slot = gradients_[gradient_slot_[unit]];
      if (slot.memory.tensor().defined()) continue;
      const auto allocate = [&](DType dtype, std::string_view label) {
        return device_.allocate(dtype, {padded(unit)}, Use::gradients, label_of(label, units_[unit]));
      };
      slot.memory = allocate(DType::f32, "gradient");
      if (rounds()) slot.rounded = allocate(plan_.reduce_dtype, "reduced");
    }
  }

  // Whether the next use of the slot of this use needs what it holds.
  bool holds_on(std::size_t use) const {
    for (std::size_t later = use + 1; later < uses_.size(); ++later)
      if (uses_[later].slot == uses_[use].slot) return !uses_[later].gather;
    return false;
  }

  void gather(std::size_t number) {
    const UseOfUnit& use = uses_[number];
    GatherSlot& slot = slots_[use.slot];
    if (!use.gather || shard_is_whole()) return;
    slot.released = false;
    Tensor shard = shard_of(parameters(), use.unit);
    if (shard.dtype() != plan_.dtype) {  // cast into this rank's part, then gather in place
      const Tensor own = slot.memory.tensor().slice(0, gather_.rank() * shard_count(use.unit), shard_count(use.unit));
      device_.run(Convert{.from = shard, .to = own});
      slot.free = device_.record();
      shard = own;
    }
    if (alone()) {
      slot.ready = slot.free;
      return;
    }
    gather_.wait(slot.free);
    slot.ready = gather_.run(AllGather{.shard = shard, .full = slot.memory});
  }

  std::vector<double> whole(const Tensor& all, std::size_t unit) {
    const Buffer full = device_.allocate(DType::f32, {padded(unit)}, Use::buffers, "whole");
    gather_.wait(device_.record());
    device_.wait(gather_.run(AllGather{.shard = shard_of(all, unit), .full = full}));
    std::vector<double> values = device_.read(full);
    values.resize(std::min(values.size(), static_cast<std::size_t>(units_[unit].count())));
    return values;
  }

  Device& device_;
  Communicator& gather_;
  Communicator& reduce_;
  Communicator* replicas_ = nullptr;  // of the ranks that hold the same shard, where there are several
  ParallelPlan plan_;
  std::vector<Unit> units_;
  std::vector<std::int64_t> shard_begin_{};  // of each unit, in the state
  std::array<Buffer, 2> memory_{};
  Buffer copy_{};  // [P]: the parameters, where the masters are in the host's memory
  Moments moments_{};
  OptimizerState state_{};
  Buffer rounded_{};  // [P]: the reduced gradients, where they are not reduced in fp32
  std::vector<GatherSlot> slots_{};
  std::vector<UseOfUnit> uses_{};
  std::size_t next_ = 0, issued_ = 0;  // uses: the one to come, the first not gathered
  std::vector<GradientSlot> gradients_{};
  std::vector<std::size_t> gradient_slot_{};
  std::vector<char> visited_{};  // this step
};

}  // namespace

std::unique_ptr<Sharding> make_fsdp(Device& device, Mesh& mesh, const ParallelPlan& plan, std::vector<Unit> units,
                                    std::vector<std::size_t> order, const Initial& initial) {
  return std::make_unique<Fsdp>(device, mesh, plan, std::move(units), std::move(order), initial);
}

}  // namespace scalebench
