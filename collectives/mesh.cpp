#include "collectives/mesh.hpp"

#include <fmt/format.h>

#include "base/check.hpp"

namespace scalebench {

namespace {

// The group of `rank` among those that lie `stride` apart.
Group around(int rank, int size, int stride) { return {rank - rank / stride % size * stride, size, stride}; }

}  // namespace

Mesh::Mesh(Network& network, Witness& witness, Lane& compute, const ParallelPlan& plan)
    : network_(network), witness_(witness), compute_(compute), plan_(plan), rank_(network.rank()) {
  ensure(rank_ < ranks(), "rank {} is not in a mesh of {}", rank_, ranks());
}

Group Mesh::group(Axis axis) const {
  const auto along = [&](Dimension d) { return around(rank_, plan_.size(d), plan_.stride(d)); };
  const int shared = plan_.shard_group > 0 ? plan_.shard_group : plan_.dp, stride = plan_.stride(Dimension::dp);
  switch (axis) {
    case Axis::world:
      return {0, ranks(), 1};
    case Axis::dp:
      return along(Dimension::dp);
    case Axis::tp:
      return along(Dimension::tp);
    case Axis::pp:
      return along(Dimension::pp);
    case Axis::shard:
      return around(rank_, shared, stride);
    case Axis::replicate:
      return around(rank_, plan_.dp / shared, stride * shared);
  }
  return {};
}

Communicator& Mesh::along(Axis axis, Purpose purpose) {
  auto& communicator = communicators_[{axis, purpose}];
  if (communicator == nullptr) {
    const Overlap overlap = purpose == Purpose::scalars ? Overlap::never : plan_.overlap ? Overlap::yes : Overlap::no;
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
