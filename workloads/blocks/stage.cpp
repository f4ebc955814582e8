#include "workloads/blocks/stage.hpp"

#include <numeric>

namespace scalebench {

std::vector<std::int64_t> layers_of_parts(std::int64_t layers, std::int64_t parts) {
  std::vector<std::int64_t> counts(static_cast<std::size_t>(parts), layers / parts);
  for (std::int64_t extra = 0; extra < layers % parts; ++extra)
    ++counts[static_cast<std::size_t>(extra < parts - 2 ? extra + 1 : 0)];
  return counts;
}

Stage stage_of(const std::vector<Unit>& model, const ParallelPlan& plan, int stage) {
  const std::int64_t parts = std::int64_t{plan.pp} * plan.virtual_stages;
  const std::vector<std::int64_t> layers = layers_of_parts(static_cast<std::int64_t>(layers_of(model)), parts);
  const bool tied = model.front().kind == UnitKind::tied;
  Stage held;
  const auto hold = [&](const Unit& unit) {
    held.units.push_back(unit);
    return held.units.size() - 1;
  };
  const bool shares = tied && plan.pp > 1 && (stage == 0 || stage + 1 == plan.pp);
  if (shares) {  // in front, on both of them: its gradient comes last, when they have added it up
    held.shared = hold(model.front());
    held.units.front().kind = stage == 0 ? UnitKind::embedding : UnitKind::head;
    held.units.front().stages = 2;
  }
  for (std::int64_t part = stage; part < parts; part += plan.pp) {
    const auto before = std::accumulate(layers.begin(), layers.begin() + part, std::int64_t{0});
    Chunk& chunk = held.chunks.emplace_back();
    if (part == 0) chunk.embedding = shares ? 0 : hold(model.front());
    chunk.begin = held.units.size();
    for (std::int64_t layer = 0; layer < layers[static_cast<std::size_t>(part)]; ++layer)
      hold(model[static_cast<std::size_t>(1 + before + layer)]);
    chunk.end = held.units.size();
    if (part + 1 == parts) chunk.head = tied ? 0 : hold(model.back());
  }
  return held;
}

}  // namespace scalebench
