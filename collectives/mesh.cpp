#include "collectives/mesh.hpp"

#include <optional>

#include <fmt/format.h>

#include "base/check.hpp"

namespace scalebench {

namespace {

// The group of `rank` among those that lie `stride` apart.
Group around(int rank, int size, int stride) { return {rank - rank / stride % size * stride, size, stride}; }

// The members `index` and `index` + 1 of a group, where there are both.
std::optional<Group> pair_from(const Group& group, int index) {
  if (index < 0 || index + 1 >= group.size) return std::nullopt;
  return Group{group.member(index), 2, group.stride};
}

}  // namespace

Mesh::Mesh(Network& network, Witness& witness, Lane& compute, const ParallelPlan& plan)
    : network_(network), witness_(witness), compute_(compute), plan_(plan), rank_(network.rank()) {
  ensure(rank_ < ranks(), "rank {} is not in a mesh of {}", rank_, ranks());
}

Group Mesh::link_of(Axis axis, const Group& stages) const {
  const int stage = stages.index_of(rank_), last = stages.size - 1;
  std::optional<Group> pair;
  if (axis == Axis::even_links) pair = pair_from(stages, stage / 2 * 2);
  if (axis == Axis::odd_links) pair = pair_from(stages, (stage + 1) / 2 * 2 - 1);
  if (axis == Axis::ends && last > 0 && (stage == 0 || stage == last))
    pair = Group{stages.first, 2, stages.stride * last};
  return pair.value_or(Group{rank_, 1, 1});
}

Axis Mesh::axis_of_link(int stage) const {
  if (stage + 1 == plan_.pp) return Axis::ends;
  return stage % 2 == 0 ? Axis::even_links : Axis::odd_links;
}

// Between stages nothing may block: a neighbour may wait for what this rank has yet to send.
Overlap Mesh::overlap_for(Purpose purpose) const {
  if (purpose == Purpose::forward || purpose == Purpose::backward) return Overlap::link;
  if (purpose != Purpose::scalars && plan_.overlap) return Overlap::yes;
  if (plan_.pp > 1) return Overlap::in_turn;
  return purpose == Purpose::scalars ? Overlap::never : Overlap::no;
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
    default:
      return link_of(axis, along(Dimension::pp));
  }
}

Communicator& Mesh::along(Axis axis, Purpose purpose) {
  auto& communicator = communicators_[{axis, purpose}];
  if (communicator == nullptr) {
    const std::string name = fmt::format("{}_{}", name_of(axis), name_of(purpose));
    communicator = network_.make(witness_, compute_, group(axis), name, overlap_for(purpose));
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
