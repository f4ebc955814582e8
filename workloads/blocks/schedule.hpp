// Which stage of a pipeline does what, in which order: plain data.
//
// 1F1B (PipeDream-Flush; Narayanan et al. 2021, section 2.2): each stage goes forward until the first micro-batch can
// come back, then does one forward and one backward in turn, then the backwards that are left. Interleaved (the same
// paper): a stage holds several chunks of the model, and micro-batches pass chunk after chunk in rounds of `stages`.
#pragma once

#include <cstdint>
#include <vector>

namespace scalebench {

enum class Direction : std::uint8_t { forward, backward };

struct Action {
  Direction direction{};
  std::size_t chunk{};
  std::int64_t micro_batch{};
  bool operator==(const Action&) const = default;
};

// With more than one chunk a stage, micro_batches must be a multiple of stages.
std::vector<Action> schedule_of(int stages, int stage, int chunks, std::int64_t micro_batches);

}  // namespace scalebench
