// Who keeps the others waiting: read from the board of a node, without a word to any rank.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "collectives/control/slot.hpp"

namespace scalebench {

// The lane whose operations are no collectives.
inline constexpr std::string_view kComputeLane = "compute";

// What the system says about a process.
enum class Life : std::uint8_t { alive, stopped, blocked, dead, unknown };  // blocked: in the system, on a disk mostly

struct RecentOperation {
  std::uint64_t number{}, collectives{};  // as in SharedOperation
  std::int64_t time{};                    // ns
  std::string lane{}, name{};
};

// A slot at one moment.
struct RankState {
  int rank{}, pid{}, point{};
  std::string host{}, phase{};
  std::int64_t iteration{}, progress{};  // progress: ns
  Activity activity{};
  Life life{};
  std::uint64_t operations{}, collectives{}, advances{};
  std::vector<RecentOperation> recent{};  // oldest first
};

// The life of a process as its /proc/PID/stat tells it.
Life life_of(const std::string& stat);
// Of a slot's process, as far as it can be seen from this one.
Life life_of(const Slot& slot, std::uint64_t own_pid_space);

RankState look_at(const Slot& slot, std::uint64_t own_pid_space);

// The rank on this node that keeps the others waiting, as an index, or nothing if they all wait for something else.
std::optional<std::size_t> culprit(const std::vector<RankState>& ranks);

// "no answer from rank 2 (n3) in all_gather #41 on dp_gather (it is stopped; step 3 of point 1, 60 s without progress)
// ...". `mine`: the index of the rank that speaks; `limit`: seconds that it waited.
std::string verdict(const std::vector<RankState>& ranks, std::size_t mine, double limit, const std::string& stem);

// "rank 2 (n3) died in all_gather #41 on dp_gather (...) ...".
std::string obituary(const std::vector<RankState>& ranks, std::size_t dead);

}  // namespace scalebench
