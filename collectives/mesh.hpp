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
// Pairs of stages that follow each other along pp: even_links 0-1, 2-3, ..; odd_links 1-2, 3-4, ..; ends: last and
// first. A rank without a neighbour there is alone.
enum class Axis : std::uint8_t { world, dp, tp, pp, shard, replicate, even_links, odd_links, ends };

// Gathers and reductions of one axis must not queue behind each other, nor activations and their gradients, so each
// purpose has a lane of its own.
enum class Purpose : std::uint8_t { gather, reduce, scalars, forward, backward };

constexpr std::string_view name_of(Axis axis) {
  constexpr std::string_view names[] = {"world", "dp", "tp", "pp", "shard", "replicate", "even", "odd", "ends"};
  return names[static_cast<std::size_t>(axis)];
}
constexpr std::string_view name_of(Purpose purpose) {
  constexpr std::string_view names[] = {"gather", "reduce", "scalars", "forward", "backward"};
  return names[static_cast<std::size_t>(purpose)];
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
  // The pair of a stage and the next one (of the last: the first).
  Communicator& link(int stage, Purpose purpose) { return along(axis_of_link(stage), purpose); }
  void mute(bool on);
  // Communicators made so far, in an order in which the ranks of several of them may use one after the other.
  std::vector<Communicator*> all() const;

 private:
  Axis axis_of_link(int stage) const;
  Group link_of(Axis axis, const Group& stages) const;
  Overlap overlap_for(Purpose purpose) const;

  Network& network_;
  Witness& witness_;
  Lane& compute_;
  ParallelPlan plan_;
  int rank_;
  std::map<std::pair<Axis, Purpose>, std::unique_ptr<Communicator>> communicators_{};
};

}  // namespace scalebench
