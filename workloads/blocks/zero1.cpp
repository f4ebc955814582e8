// ZeRO-1, Megatron's distributed optimizer: every rank holds all parameters and adds up whole gradients, and updates a
// part of them. The state is cut into buckets, of which each rank owns an equal part: a bucket's gradients are
// reduce-scattered while the backward goes on, and its parameters are gathered while the next step's forward goes on.
#include <algorithm>
#include <utility>

#include "workloads/blocks/sharding.hpp"

namespace scalebench {

namespace {

class Zero1 final : public Sharding {
 public:
  Zero1(Device& device, Mesh& mesh, const ParallelPlan& plan, std::vector<Unit> units, const Initial& initial)
      : device_(device),
        gather_(mesh.along(Axis::dp, Purpose::gather)),
        reduce_(mesh.along(Axis::dp, Purpose::reduce)),
        plan_(plan),
        units_(std::move(units)),
        begin_(units_.size()),
        visited_(units_.size()) {
    lay_out();
    allocate_states();
    initialise_states(initial);
  }

  // The last bucket holds the first units of the forward.
  void begin_step() override {
    reduced_ = 0;
    std::fill(visited_.begin(), visited_.end(), char{0});
    arrived_ = alone() ? 0 : buckets_.size();
    if (alone()) return;
    gather_.wait(device_.record());
    for (std::size_t b = buckets_.size(); b-- > 0;) {
      const Tensor whole = in(parameters_, buckets_[b]);
      gathered_[b] = gather_.run(AllGather{.shard = own(whole), .full = whole});
    }
  }

  Tensor acquire(std::size_t unit) override {
    if (const std::size_t first = bucket_at(begin_[unit]); first < arrived_) {
      device_.wait(gathered_[first]);
      arrived_ = first;
    }
    return part_of(parameters_, unit);
  }
  void release(std::size_t) override {}

  Gradient gradient(std::size_t unit) override {
    const Tensor flat = part_of(gradient_, unit);
    const bool fresh = !std::exchange(visited_[unit], char{1});
    if (fresh) clear_additive(device_, units_[unit], flat);
    return {flat, fresh};
  }

  void reduce(std::size_t unit) override {
    const std::size_t first = reduced_;
    while (reduced_ < buckets_.size() && buckets_[reduced_].end <= end_of(unit)) ++reduced_;
    if (alone() || first == reduced_) return;
    if (rounds()) {
      const Bucket ready{buckets_[first].begin, buckets_[reduced_ - 1].end};
      device_.run(Convert{.from = in(gradient_, ready), .to = in(rounded_, ready)});
    }
    reduce_.wait(device_.record());
    reduce_.together([&] {
      for (std::size_t b = first; b < reduced_; ++b) {
        const Tensor whole = in(rounds() ? rounded_ : gradient_, buckets_[b]);
        reduce_.run(ReduceScatter{.full = whole, .shard = rounds() ? in(reduced_shard_, own_part(b)) : own(whole)});
      }
    });
  }

  void finish() override {
    device_.wait(reduce_.record());
    for (std::size_t b = 0; rounds() && b < buckets_.size(); ++b)
      device_.run(Convert{.from = in(reduced_shard_, own_part(b)), .to = states_[b].gradient});
  }
  std::span<const OptimizerState> states() const override { return states_; }
  std::vector<double> whole_gradient(std::size_t unit) override { return whole(&OptimizerState::gradient, unit); }
  std::vector<double> whole_parameters(std::size_t unit) override { return whole(&OptimizerState::master, unit); }

 private:
  struct Bucket {
    std::int64_t begin, end;  // in the state
  };
  struct Piece {
    std::size_t unit;
    std::int64_t begin, count, in_unit;  // in the rank's part of a bucket, and where that is in the unit
  };

  bool alone() const { return gather_.size() == 1; }
  bool rounds() const { return plan_.reduce_dtype != DType::f32 && !alone(); }
  std::size_t bucket_at(std::int64_t element) const { return static_cast<std::size_t>(element / buckets_.front().end); }
  // The padding is the last one's.
  std::int64_t end_of(std::size_t unit) const { return unit == 0 ? buckets_.back().end : begin_[unit - 1]; }
  Tensor part_of(const Tensor& all, std::size_t unit) const {
    return all.slice(0, begin_[unit], end_of(unit) - begin_[unit]);
  }
  // Of the rank's own parts, one behind the other.
  Bucket own_part(std::size_t bucket) const {
    return {buckets_[bucket].begin / gather_.size(), buckets_[bucket].end / gather_.size()};
  }
  static Tensor in(const Tensor& all, const Bucket& bucket) {
    return all.slice(0, bucket.begin, bucket.end - bucket.begin);
  }
  Tensor own(const Tensor& whole) const {
    const std::int64_t count = whole.count() / gather_.size();
    return whole.slice(0, gather_.rank() * count, count);
  }

  // What the rank's own part of a bucket holds, in memory's order.
  std::vector<Piece> pieces_of(std::size_t bucket) const {
    const std::int64_t count = states_[bucket].gradient.count();
    const std::int64_t begin = buckets_[bucket].begin + gather_.rank() * count, end = begin + count;
    std::vector<Piece> pieces;
    for (std::size_t unit = units_.size(); unit-- > 0;) {
      const std::int64_t from = std::max(begin, begin_[unit]), to = std::min(end, end_of(unit));
      if (from < to) pieces.push_back({unit, from - begin, to - from, from - begin_[unit]});
    }
    return pieces;
  }

  // In the order in which the backward finishes them, so that a bucket is one piece of memory; all can be shared out.
  void lay_out() {
    const std::int64_t grain = gather_.size() * grain_of(plan_);
    const auto rounded_up = [&](std::int64_t count) { return (count + grain - 1) / grain * grain; };
    std::int64_t count = 0;
    for (std::size_t unit = units_.size(); unit-- > 0;) {
      begin_[unit] = count;
      count += units_[unit].padded(1, grain_of(plan_));
    }
    count = rounded_up(count);
    const std::int64_t size = rounded_up(std::max<std::int64_t>(1, plan_.bucket_bytes / 4));
    for (std::int64_t begin = 0; begin < count; begin += size)
      buckets_.push_back({begin, std::min(begin + size, count)});
    gathered_.resize(buckets_.size());
  }

  // The masters of fp32 are the rank's own parts of the parameters themselves.
  void allocate_states() {
    const std::int64_t count = buckets_.back().end, shard = count / gather_.size();
    const bool copies = plan_.dtype != DType::f32;
    gradient_ = device_.allocate(DType::f32, {count}, Use::states, "gradient");
    if (rounds()) {
      rounded_ = device_.allocate(plan_.reduce_dtype, {count}, Use::gradients, "rounded");
      reduced_shard_ = device_.allocate(plan_.reduce_dtype, {shard}, Use::gradients, "reduced_shard");
    }
    parameters_ = device_.allocate(plan_.dtype, {count}, Use::states, "parameters");
    if (copies) master_ = make_master(device_, plan_, shard);
    moments_ = make_moments(device_, plan_, shard);
    for (std::size_t b = 0; b < buckets_.size(); ++b) {
      const Bucket bucket = buckets_[b], part = own_part(b);
      const Tensor parameters = own(in(parameters_, bucket));
      states_.push_back({.gradient = own(in(gradient_, bucket)),
                         .master = copies ? in(master_, part) : parameters,
                         .copy = copies ? parameters : Tensor{}});
      hand_out(moments_, part.begin, part.end - part.begin, states_.back());
      for (const Piece& piece : pieces_of(b))
        add_runs(plan_, units_[piece.unit], piece.in_unit, piece.count, piece.begin, states_.back().runs);
    }
    const bool alike = held_alike(units_, plan_.tp);
    for (OptimizerState& s : states_)
      if (alike) s.held = {{s.gradient, 1}};
    for (std::size_t b = 0; !alike && b < buckets_.size(); ++b)
      for (const Piece& piece : pieces_of(b))
        add_held(states_[b].held, units_[piece.unit], states_[b].gradient.slice(0, piece.begin, piece.count),
                 piece.in_unit, 1, plan_.tp);
  }

  // Its own parts: the others come when the step begins.
  void initialise_states(const Initial& initial) {
    for (std::size_t b = 0; b < buckets_.size(); ++b) {
      const OptimizerState& s = states_[b];
      for (const Piece& piece : pieces_of(b))
        initialise(device_, units_[piece.unit], s.master.slice(0, piece.begin, piece.count), piece.in_unit, initial);
      if (s.copy.defined()) device_.run(Convert{.from = s.master, .to = s.copy});
    }
  }

  std::vector<double> whole(const Tensor OptimizerState::*part, std::size_t unit) {
    const Buffer all = device_.allocate(DType::f32, {buckets_.back().end}, Use::buffers, "whole");
    gather_.wait(device_.record());
    for (std::size_t b = 0; b < buckets_.size(); ++b)
      gather_.run(AllGather{.shard = states_[b].*part, .full = in(all, buckets_[b])});
    device_.wait(gather_.record());
    std::vector<double> values = device_.read(part_of(all, unit));
    values.resize(std::min(values.size(), static_cast<std::size_t>(units_[unit].count())));
    return values;
  }

  Device& device_;
  Communicator& gather_;
  Communicator& reduce_;
  ParallelPlan plan_;
  std::vector<Unit> units_;
  std::vector<std::int64_t> begin_;  // of each unit, in the state
  std::vector<Bucket> buckets_{};
  Buffer rounded_{}, reduced_shard_{};     // [P] and [P / ranks], where gradients are not reduced in fp32
  Buffer gradient_{}, parameters_{};       // [P]
  Buffer master_{};                        // [P / ranks]
  Moments moments_{};                      // [P / ranks]
  std::vector<OptimizerState> states_{};   // of each bucket
  std::vector<Event> gathered_{};          // of each bucket, this step
  std::size_t arrived_ = 0, reduced_ = 0;  // buckets: the last one waited for, the first one not reduced
  std::vector<char> visited_;
};

}  // namespace

std::unique_ptr<Sharding> make_zero1(Device& device, Mesh& mesh, const ParallelPlan& plan, std::vector<Unit> units,
                                     const Initial& initial) {
  return std::make_unique<Zero1>(device, mesh, plan, std::move(units), initial);
}

}  // namespace scalebench
