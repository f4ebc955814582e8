// The world cut into groups, one communicator per axis and purpose.
#pragma once

#include <map>
#include <memory>
#include <string_view>
#include <utility>
#include <vector>

#include "collectives/communicator.hpp"
#include "spec/plan.hpp"

namespace scalebench {

// shard and replicate cut dp in two: the ranks that share one copy of the state, and those that hold the same part.
enum class Axis : std::uint8_t { world, dp, tp, pp, shard, replicate };

// Gathers and reductions of one axis must not queue behind each other, so each purpose has a lane of its own.
enum class Purpose : std::uint8_t { gather, reduce, scalars };

constexpr std::string_view name_of(Axis axis) {
  constexpr std::string_view names[] = {"world", "dp", "tp", "pp", "shard", "replicate"};
  return names[static_cast<std::size_t>(axis)];
}
constexpr std::string_view name_of(Purpose purpose) {
  return purpose == Purpose::gather ? "gather" : purpose == Purpose::reduce ? "reduce" : "scalars";
}

class Mesh {
 public:
  // The first plan.ranks() ranks of the network take part.
  Mesh(Network& network, Witness& witness, Lane& compute, const ParallelPlan& plan);

  int ranks() const { return plan_.ranks(); }
  int rank() const { return rank_; }
  Group group(Axis axis) const;  // that this rank is in
  int index(Axis axis) const { return group(axis).index_of(rank_); }
  // Made at the first call, by all ranks of the mesh in the same order.
  Communicator& along(Axis axis, Purpose purpose);
  void mute(bool on);
  // Communicators made so far.
  std::vector<Communicator*> all() const;

 private:
  Network& network_;
  Witness& witness_;
  Lane& compute_;
  ParallelPlan plan_;
  int rank_;
  std::map<std::pair<Axis, Purpose>, std::unique_ptr<Communicator>> communicators_{};
};

}  // namespace scalebench
