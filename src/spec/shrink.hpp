// The ladder of named rungs by which a model is made small enough for the machine: by arithmetic alone, never a timing.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "spec/model.hpp"
#include "spec/plan.hpp"

namespace scalebench {

struct Rung {
  std::string name{};  // "L4-H1024-V2048-T64": layers, hidden, vocabulary, sequence; "" for the full model
  ModelSpec model{};
  std::int64_t sequence{};
};

// served: requests have the lengths that they have, be they drawn or not; rungs say nothing of a sequence.
enum class Tokens : std::uint8_t { drawn, of_the_user, served };

// The full model first, then smaller and smaller: depth, then width, vocabulary, sequence. Head size, the ratio of
// query to key-value heads and feed-forward / hidden are kept, heads / hidden while heads divide by 2 tp (then a hidden
// size above 1024 goes on alone); layers >= 4 (and >= pp x virtual stages), heads multiples of tp, T >= 64, V >= 2048.
// Vocabulary and sequence of a user's tokens stay.
std::vector<Rung> shrink_ladder(const ModelSpec& model, const ParallelPlan& plan, Tokens tokens = Tokens::drawn);

// FLOPs of a step over all ranks (megatron convention, recomputation included).
double step_flops(const ModelSpec& model, const ParallelPlan& plan);

// FLOPs of a step that auto-shrinking allows: some seconds on two CPU cores.
inline constexpr double kShrinkBudget = 5e11;

// The first rung whose largest point stays within the budget and which `fits` (memory, at every point); one sequence
// per rank at the smallest rung is never too much. Throws Error(unfit) if none does.
Rung choose_rung(const ModelSpec& model, const ParallelPlan& largest, double budget,
                 const std::function<bool(const Rung&)>& fits, Tokens tokens = Tokens::drawn);
Rung rung_named(const ModelSpec& model, const ParallelPlan& plan, const std::string& name,
                Tokens tokens = Tokens::drawn);

}  // namespace scalebench
