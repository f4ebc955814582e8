#include "app/guard/watchdog.hpp"

#include <algorithm>
#include <chrono>
#include <ctime>

#include <unistd.h>

#include "app/guard/crash.hpp"
#include "app/guard/first_failure.hpp"
#include "app/guard/flight.hpp"
#include "app/guard/stacks.hpp"
#include "base/clock.hpp"

namespace scalebench {
namespace {

constexpr double kLookEvery = 0.25;     // s
constexpr double kMostOfALook = 1;      // s; of a longer gap the process slept most
constexpr double kDumpsTake = 1.5;      // s, at most, before the job is ended
constexpr double kReportTakes = 3;      // s, at most: more, and its file system or its terminal hangs
constexpr double kBetweenPolls = 0.02;  // s

std::int64_t nanoseconds(clockid_t clock) {
  timespec now{};
  clock_gettime(clock, &now);
  return now.tv_sec * 1'000'000'000LL + now.tv_nsec;
}

void pause(double seconds) { std::this_thread::sleep_for(std::chrono::duration<double>(seconds)); }

// Whatever comes of the report: the job ends.
void end_soon(Exit code) {
  std::thread([code] {
    pause(kReportTakes);
    MpiSession::abort(static_cast<int>(code));
  }).detach();
}

// One write, so that lines of several processes don't mix.
void say(const std::string& message) {
  const std::string line = fmt::format("{}scalebench: error: {}\n", isatty(STDERR_FILENO) == 1 ? "\n" : "", message);
  [[maybe_unused]] const ssize_t ignored = write(STDERR_FILENO, line.data(), line.size());
}

}  // namespace

Watchdog::Watchdog(Board& board, MpiSession& session, std::filesystem::path stem)
    : board_(board), session_(session), slot_(board.mine()), stem_(std::move(stem)) {
  prepare_stacks();
  describe_process(session_.rank(), slot_.host.get(), stem_, slot_, board_.speaker());
  moved();
  thread_ = std::thread([this] { watch(); });
}

Watchdog::~Watchdog() {
  slot_.activity = Activity::gone;
  {
    const std::lock_guard held(mutex_);
    stop_ = true;
  }
  wake_.notify_all();
  thread_.join();
  forget_process();
}

void Watchdog::moved() { slot_.progress = nanoseconds(CLOCK_MONOTONIC); }

void Watchdog::enter(std::string_view phase, int point, double limit) {
  limit_ = 0;
  slot_.activity = Activity::waiting;
  slot_.phase.set(phase);
  if (slot_.point != point) {
    slot_.operations = slot_.collectives = slot_.advances = 0;
    slot_.iteration = -1;
    slot_.point = point;
  }
  ++slot_.advances;
  moved();
  if (limit > 0) slot_.activity = Activity::working;
  limit_ = limit;
}

void Watchdog::beat(std::int64_t iteration) {
  slot_.iteration.store(iteration, std::memory_order_relaxed);
  ++slot_.advances;
  moved();
}

void Watchdog::saw(std::string_view lane, std::string_view operation) {
  constexpr auto relaxed = std::memory_order_relaxed;
  const std::uint64_t number = slot_.operations.load(relaxed) + 1;
  const std::uint64_t collectives = slot_.collectives.load(relaxed) + (lane == kComputeLane ? 0 : 1);
  SharedOperation& entry = slot_.recent[number % kRecentOperations];
  entry.number.store(number, relaxed);
  entry.collectives.store(collectives, relaxed);
  entry.time.store(nanoseconds(CLOCK_MONOTONIC_COARSE), relaxed);
  entry.lane.set(lane);
  entry.name.set(operation);
  slot_.collectives.store(collectives, relaxed);
  slot_.operations.store(number, std::memory_order_release);
}

void Watchdog::watch() {
  double last = monotonic_seconds();
  std::unique_lock held(mutex_);
  while (!wake_.wait_for(held, std::chrono::duration<double>(kLookEvery), [this] { return stop_; })) {
    const double now = monotonic_seconds();
    look(std::min(now - last, kMostOfALook));
    last = now;
  }
}

void Watchdog::look(double passed) {
  const int speaker = board_.speaker().rank;
  if (speaker >= 0 && speaker != session_.rank()) follow();
  look_after_neighbour();
  if (!expired(passed)) return;
  const double limit = limit_;
  const auto ranks = states();
  speak(Exit::timeout, verdict(ranks, board_.my_index(), limit, stem_.string()), 0);
}

bool Watchdog::expired(double passed) {
  const std::int64_t progress = slot_.progress;
  idle_ = progress == last_progress_ ? idle_ + passed : 0;
  last_progress_ = progress;
  const double limit = limit_;
  return limit > 0 && idle_ >= limit;
}

// Each rank sees to the next one of its node that has not left: so a death is noticed at once, at little cost.
void Watchdog::look_after_neighbour() {
  const auto slots = board_.all();
  for (std::size_t step = 1; step < slots.size(); ++step) {
    const std::size_t index = (board_.my_index() + step) % slots.size();
    if (slots[index].activity == Activity::gone) continue;
    if (life_of(slots[index], slot_.pid_space) != Life::dead) return;
    if (slots[index].activity == Activity::gone) continue;  // it left between the two looks
    speak(Exit::peer_lost, obituary(states(), index), 0);
  }
}

void Watchdog::give_up(Exit code, const std::string& message, int error_number) {
  speak(code, fmt::format("{} [rank {} on {}]", message, session_.rank(), slot_.host.get()), error_number);
}

void Watchdog::speak(Exit code, const std::string& message, int error_number) {
  if (!board_.speaker().claim(session_.rank())) follow();
  while (speaking_.exchange(true)) pause(kLookEvery);  // the other thread of this rank was first
  end_soon(code);
  say(message);
  const std::string path = failure_path(stem_).string(), host = slot_.host.get(), phase = slot_.phase.get();
  write_first_failure(path.c_str(), {.rank = session_.rank(),
                                     .host = host,
                                     .phase = phase,
                                     .message = message,
                                     .error_number = error_number,
                                     .exit_code = static_cast<int>(code)});
  dump(message);
  dump_for_others(message);
  wait_for_dumps();
  MpiSession::abort(static_cast<int>(code));
}

// Another rank of the node says what is wrong, and ends the job; unless it is dead, or its abort hangs.
void Watchdog::follow() {
  end_soon(Exit::peer_lost);
  const int rank = board_.speaker().rank;
  dump(fmt::format("see rank {}", rank));
  const auto slots = board_.all();
  const auto speaker = std::find_if(slots.begin(), slots.end(), [&](const Slot& slot) { return slot.rank == rank; });
  while (speaker == slots.end() || life_of(*speaker, slot_.pid_space) != Life::dead) pause(kLookEvery);
  MpiSession::abort(static_cast<int>(Exit::peer_lost));
}

void Watchdog::dump(const std::string& message) {
  const std::lock_guard alone(dumping_);
  if (slot_.dumped) return;
  write_flight(flight_path(stem_, session_.rank()), {.mine = board_.my_index(),
                                                     .ranks = states(),
                                                     .threads = all_stacks(),
                                                     .message = message,
                                                     .now = nanoseconds(CLOCK_MONOTONIC)});
  slot_.dumped = true;
}

// What ranks that cannot do it themselves left on the board. A stopped one that goes on writes its own over it.
void Watchdog::dump_for_others(const std::string& message) {
  const auto ranks = states();
  for (std::size_t i = 0; i < ranks.size(); ++i)
    if (ranks[i].activity != Activity::gone && (ranks[i].life == Life::dead || ranks[i].life == Life::stopped))
      write_flight(flight_path(stem_, ranks[i].rank),
                   {.mine = i, .ranks = ranks, .message = message, .now = nanoseconds(CLOCK_MONOTONIC)});
}

// Of the ranks that can still write one.
void Watchdog::wait_for_dumps() const {
  const auto slots = board_.all();
  const auto settled = [&](const Slot& slot) {
    if (slot.dumped || slot.activity == Activity::gone) return true;
    const Life life = life_of(slot, slot_.pid_space);
    return life == Life::dead || life == Life::stopped;
  };
  for (double waited = 0; waited < kDumpsTake && !std::all_of(slots.begin(), slots.end(), settled);
       waited += kBetweenPolls)
    pause(kBetweenPolls);
}

std::vector<RankState> Watchdog::states() const {
  std::vector<RankState> all;
  for (const Slot& slot : board_.all()) all.push_back(look_at(slot, slot_.pid_space));
  return all;
}

}  // namespace scalebench
