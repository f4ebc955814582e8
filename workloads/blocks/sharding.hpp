// Where parameters, gradients and optimizer state live, and how a unit's parameters come to be whole for a use.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "collectives/mesh.hpp"
#include "kernels/device.hpp"
#include "spec/plan.hpp"
#include "workloads/blocks/layout.hpp"
#include "workloads/sources.hpp"

namespace scalebench {

// The whole fp32 gradient of a unit, flat [padded]. Fresh: matrices hold nothing yet, so write instead of adding;
// vectors, positions, an untied embedding and the padding have been set to zero.
struct Gradient {
  Tensor flat{};
  bool fresh{};
};

// A part of a gradient that `holders` ranks of the job hold alike: each answers for its share of the squared norm.
struct HeldGradient {
  Tensor values{};
  int holders = 1;
};

// The moments of AdamW, zero, with their scales where they have some.
struct Moments {
  Buffer first{}, second{}, scale1{}, scale2{};
};

// A part of the state that this rank updates, fp32 [P]. What is reduced is ready after finish().
struct OptimizerState {
  Tensor gradient{}, master{};
  Tensor moment1{}, moment2{};       // of AdamW, in the plan's dtype
  Tensor scale1{}, scale2{};         // of moments in FP8
  std::vector<ElementRun> runs{};    // what the elements are: of moments in bf16
  Tensor copy{};                     // bf16 [P], where the plan keeps one
  std::vector<HeldGradient> held{};  // all of `gradient`
};

// One step uses the rank's units in the order given at construction; acquire() and release() must follow it. Gradients
// come to be whole from the last unit to the first.
class Sharding {
 public:
  virtual ~Sharding() = default;
  virtual void begin_step() = 0;
  virtual Tensor acquire(std::size_t unit) = 0;  // flat [padded] in the plan's dtype, for the compute lane
  virtual void release(std::size_t unit) = 0;    // no more reads of this use
  virtual Gradient gradient(std::size_t unit) = 0;
  virtual void reduce(std::size_t unit) = 0;  // the unit's gradient is whole on this rank
  virtual void finish() = 0;                  // the compute lane may use the reduced gradients
  virtual std::span<const OptimizerState> states() const = 0;
  // For tests and dumps: the whole reduced gradient of a unit, [count]; collective, outside of steps.
  virtual std::vector<double> whole_gradient(std::size_t unit) = 0;
  virtual std::vector<double> whole_parameters(std::size_t unit) = 0;  // fp32 masters
};

// Where initial parameters come from.
struct Initial {
  std::uint64_t seed = 0;
  const ParameterSource* weights = nullptr;  // null: norms 1, biases 0, all else N(0, 0.02)
};

// `order`: the units in the order of their uses in one step.
std::unique_ptr<Sharding> make_fsdp(Device& device, Mesh& mesh, const ParallelPlan& plan, std::vector<Unit> units,
                                    std::vector<std::size_t> order, const Initial& initial);
std::unique_ptr<Sharding> make_ddp(Device& device, Mesh& mesh, const ParallelPlan& plan, std::vector<Unit> units,
                                   const Initial& initial);
std::unique_ptr<Sharding> make_zero1(Device& device, Mesh& mesh, const ParallelPlan& plan, std::vector<Unit> units,
                                     const Initial& initial);

// Elements of a flat state that stay together on one rank. Units begin at whole ones, so that any number of
// data-parallel ranks makes the same blocks of moments.
inline std::int64_t grain_of(const ParallelPlan& plan) {
  return plan.optimizer.state_dtype == DType::e4m3 ? kMomentBlock : 1;
}

// Whether masters are in the host's memory; of fp32 they are the parameters themselves.
inline bool masters_on_host(const ParallelPlan& plan) { return plan.offload && plan.dtype != DType::f32; }
Buffer make_master(Device& device, const ParallelPlan& plan, std::int64_t count);

// The moments of `count` elements; none where the optimizer has none.
Moments make_moments(Device& device, const ParallelPlan& plan, std::int64_t count);
// Those of elements [begin, begin + count), which are whole grains, for a state.
void hand_out(const Moments& moments, std::int64_t begin, std::int64_t count, OptimizerState& to);

// Appends what the elements [begin, begin + count) of a unit are, which lie from `at` on in a state; where moments need
// to know it.
void add_runs(const ParallelPlan& plan, const Unit& unit, std::int64_t begin, std::int64_t count, std::int64_t at,
              std::vector<ElementRun>& to);

// Appends the elements [begin, begin + part.count()) of a unit's gradient, cut where those begin that all `tp` ranks
// hold; `copies` data-parallel ranks hold each of them.
void add_held(std::vector<HeldGradient>& to, const Unit& unit, const Tensor& part, std::int64_t begin, int copies,
              int tp);

// Whether every element of the units is held by as many ranks of the job.
inline bool held_alike(const std::vector<Unit>& units, int tp) {
  return tp == 1 && std::ranges::all_of(units, [](const Unit& unit) { return unit.stages == 1; });
}

// Zeroes what is added to rather than written: vectors, positions, an untied embedding, padding. (The product of a tied
// one's head comes first and is written.)
void clear_additive(Device& device, const Unit& unit, const Tensor& flat);

// Initial values of the elements [begin, begin + part.count()) of a unit; padding 0.
void initialise(Device& device, const Unit& unit, const Tensor& part, std::int64_t begin, const Initial& initial);

}  // namespace scalebench
