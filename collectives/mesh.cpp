#include "collectives/mesh.hpp"

#include <fmt/format.h>

#include "base/check.hpp"

namespace scalebench {

Mesh::Mesh(Network& network, Witness& witness, Lane& compute, int ranks, bool overlap)
    : network_(network), witness_(witness), compute_(compute), ranks_(ranks), rank_(network.rank()), overlap_(overlap) {
  ensure(rank_ < ranks, "rank {} is not in a mesh of {}", rank_, ranks);
}

Group Mesh::group(Axis) const { return {0, ranks_, 1}; }  // data parallelism alone: every axis is the whole mesh

Communicator& Mesh::along(Axis axis, Purpose purpose) {
  auto& communicator = communicators_[{axis, purpose}];
  if (communicator == nullptr) {
    const Overlap overlap = purpose == Purpose::scalars ? Overlap::never : overlap_ ? Overlap::yes : Overlap::no;
    communicator =
        network_.make(witness_, compute_, group(axis), fmt::format("{}_{}", name_of(axis), name_of(purpose)), overlap);
  }
  return *communicator;
}

void Mesh::mute(bool on) {
  for (auto& [key, communicator] : communicators_) communicator->mute(on);
}

std::vector<Communicator*> Mesh::all() const {
  std::vector<Communicator*> all;
  for (const auto& [key, communicator] : communicators_) all.push_back(communicator.get());
  return all;
}

}  // namespace scalebench
