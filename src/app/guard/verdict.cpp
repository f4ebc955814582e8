#include "app/guard/verdict.hpp"

#include <algorithm>
#include <cerrno>
#include <fstream>
#include <iterator>
#include <tuple>

#include <fmt/format.h>
#include <signal.h>

namespace scalebench {
namespace {

bool concerned(const RankState& state) { return state.activity == Activity::working; }

// How far a rank has come. Collectives first: their order is the same on all ranks of a point. Operations last: what
// measures the machine runs as many as its time allows.
auto advance(const RankState& state) {
  return std::tuple(state.point, state.collectives, state.advances, state.operations);
}

// The collective that others have begun and this rank has not; else the last that it began itself.
std::string whereabouts(const std::vector<RankState>& ranks, const RankState& late) {
  for (const RankState& other : ranks) {
    if (other.point != late.point || other.collectives <= late.collectives) continue;
    for (const RecentOperation& operation : other.recent)
      if (operation.collectives == late.collectives + 1)
        return fmt::format("in {} #{} on {}", operation.name, operation.collectives, operation.lane);
  }
  if (late.recent.empty()) return fmt::format("in {}", late.phase);
  const RecentOperation& last = late.recent.back();
  const std::uint64_t number = last.lane == kComputeLane ? last.number : last.collectives;
  return fmt::format("in {} #{} on {}", last.name, number, last.lane);
}

std::string place(const RankState& state) {
  if (state.point < 0) return state.phase;
  if (state.iteration < 0) return fmt::format("{} of point {}", state.phase, state.point);
  return fmt::format("{} of point {}, after iteration {}", state.phase, state.point, state.iteration);
}

std::string_view condition(Life life) {
  switch (life) {
    case Life::stopped:
      return "its process is stopped; ";
    case Life::blocked:
      return "its process waits in the operating system, for a disk or a network file system; ";
    case Life::dead:
      return "its process is gone; ";
    default:
      return "";
  }
}

// How late a rank is, worst first: dead, stopped, then whoever has come least far. To wait for a disk is no fault.
auto lateness(const RankState& state) {
  const int life = state.life == Life::dead ? 0 : state.life == Life::stopped ? 1 : 2;
  return std::tuple(life, advance(state));
}

}  // namespace

Life life_of(const std::string& stat) {
  const std::size_t name_end = stat.rfind(") ");  // the name may hold anything
  if (name_end == std::string::npos || name_end + 2 >= stat.size()) return Life::unknown;
  switch (stat[name_end + 2]) {
    case 'T':
    case 't':
      return Life::stopped;
    case 'D':
      return Life::blocked;
    case 'Z':
    case 'X':
      return Life::dead;
    default:
      return Life::alive;
  }
}

Life life_of(const Slot& slot, std::uint64_t own_pid_space) {
  if (slot.pid_space != own_pid_space || slot.pid <= 0) return Life::unknown;
  const pid_t pid = slot.pid;
  if (kill(pid, 0) != 0 && errno == ESRCH) return Life::dead;
  std::ifstream file(fmt::format("/proc/{}/stat", pid));  // may fail for want of descriptors: no sign of death
  return life_of(std::string(std::istreambuf_iterator<char>(file), {}));
}

RankState look_at(const Slot& slot, std::uint64_t own_pid_space) {
  RankState state{.rank = slot.rank,
                  .pid = slot.pid,
                  .point = slot.point,
                  .host = slot.host.get(),
                  .phase = slot.phase.get(),
                  .iteration = slot.iteration,
                  .progress = slot.progress,
                  .activity = slot.activity,
                  .life = life_of(slot, own_pid_space),
                  .operations = slot.operations,
                  .collectives = slot.collectives,
                  .advances = slot.advances};
  const std::uint64_t kept = std::min<std::uint64_t>(state.operations, kRecentOperations);
  for (std::uint64_t number = state.operations - kept + 1; number <= state.operations; ++number) {
    const SharedOperation& operation = slot.recent[number % kRecentOperations];
    state.recent.push_back({.number = operation.number,
                            .collectives = operation.collectives,
                            .time = operation.time,
                            .lane = operation.lane.get(),
                            .name = operation.name.get()});
  }
  return state;
}

std::optional<std::size_t> culprit(const std::vector<RankState>& ranks) {
  std::optional<std::size_t> latest;
  bool differ = false;
  for (std::size_t i = 0; i < ranks.size(); ++i) {
    if (!concerned(ranks[i])) continue;
    if (latest && lateness(ranks[i]) != lateness(ranks[*latest])) differ = true;
    if (!latest || lateness(ranks[i]) < lateness(ranks[*latest])) latest = i;
  }
  const bool alone = std::count_if(ranks.begin(), ranks.end(), concerned) == 1;
  const bool unwell = latest && (ranks[*latest].life == Life::dead || ranks[*latest].life == Life::stopped);
  return differ || alone || unwell ? latest : std::nullopt;
}

std::string verdict(const std::vector<RankState>& ranks, std::size_t mine, double limit, const std::string& stem) {
  const auto late = culprit(ranks);
  const RankState& who = ranks[late.value_or(mine)];
  const std::string remedy = fmt::format(
      "see {}.flight.{}.json for what it was doing; if it is only slow, give more time by --timeout", stem, who.rank);
  if (late)
    return fmt::format("no answer from rank {} ({}) {} ({}{}; {:.3g} s without progress) {}", who.rank, who.host,
                       whereabouts(ranks, who), condition(who.life), place(who), limit, remedy);
  return fmt::format(
      "no progress on any rank of {} {} ({}; {:.3g} s without progress: they wait for each other, or for a rank on "
      "another node) {}",
      who.host, whereabouts(ranks, who), place(who), limit, remedy);
}

std::string obituary(const std::vector<RankState>& ranks, std::size_t dead) {
  const RankState& who = ranks[dead];
  return fmt::format(
      "rank {} ({}) died {} (its process {} is gone; {}) see the launcher's messages, and the log of the "
      "system for a lack of memory",
      who.rank, who.host, whereabouts(ranks, who), who.pid, place(who));
}

}  // namespace scalebench
