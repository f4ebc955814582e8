// The world cut into groups, one communicator per axis and purpose.
#pragma once

#include <map>
#include <memory>
#include <string_view>
#include <utility>
#include <vector>

#include "collectives/communicator.hpp"

namespace scalebench {

enum class Axis : std::uint8_t { world, dp };

// Gathers and reductions of one axis must not queue behind each other, so each purpose has a lane of its own.
enum class Purpose : std::uint8_t { gather, reduce, scalars };

constexpr std::string_view name_of(Axis axis) { return axis == Axis::world ? "world" : "dp"; }
constexpr std::string_view name_of(Purpose purpose) {
  return purpose == Purpose::gather ? "gather" : purpose == Purpose::reduce ? "reduce" : "scalars";
}

class Mesh {
 public:
  // The first `ranks` ranks of the network take part. Only those may call along().
  Mesh(Network& network, Witness& witness, Lane& compute, int ranks, bool overlap);

  int ranks() const { return ranks_; }
  int rank() const { return rank_; }
  Group group(Axis axis) const;
  // Made at the first call, by all ranks of the mesh in the same order.
  Communicator& along(Axis axis, Purpose purpose);
  void mute(bool on);
  // Communicators made so far.
  std::vector<Communicator*> all() const;

 private:
  Network& network_;
  Witness& witness_;
  Lane& compute_;
  int ranks_, rank_;
  bool overlap_;
  std::map<std::pair<Axis, Purpose>, std::unique_ptr<Communicator>> communicators_{};
};

}  // namespace scalebench
