// A pipeline stage: the units that one rank holds, in one chunk or in several that lie apart in the model (virtual
// stages: chunk c of stage s is the (c pp + s)-th part of the model).
#pragma once

#include <optional>
#include <vector>

#include "spec/plan.hpp"
#include "workloads/blocks/layout.hpp"

namespace scalebench {

// Units that follow each other: what a micro-batch passes without leaving the rank. Numbers count the stage's units.
struct Chunk {
  std::size_t begin{}, end{};                      // layers
  std::optional<std::size_t> embedding{}, head{};  // where the model begins, or ends, here
};

struct Stage {
  std::vector<Unit> units{};
  std::vector<Chunk> chunks{};
  // The unit that holds the table of tied embeddings, where another stage holds it too.
  std::optional<std::size_t> shared{};
};

// Layers of each of `parts` parts of a model. What is left over goes to those in the middle first, which have neither
// embedding nor head, then to the first.
std::vector<std::int64_t> layers_of_parts(std::int64_t layers, std::int64_t parts);

// `model`: all units.
Stage stage_of(const std::vector<Unit>& model, const ParallelPlan& plan, int stage);

}  // namespace scalebench
