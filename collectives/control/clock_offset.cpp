#include "collectives/control/clock_offset.hpp"

#include <algorithm>
#include <limits>

namespace scalebench {

namespace {

constexpr int kPingPongs = 20;
constexpr int kTag = 8;

// Rank 0's side: answers with its own time.
void answer(int rank, const Clock& clock) {
  for (int i = 0; i < kPingPongs; ++i) {
    double ignored = 0;
    MPI_Recv(&ignored, 1, MPI_DOUBLE, rank, kTag, MPI_COMM_WORLD, MPI_STATUS_IGNORE);
    const double now = clock();
    MPI_Send(&now, 1, MPI_DOUBLE, rank, kTag, MPI_COMM_WORLD);
  }
}

// The other side: half of the quickest round trip is taken as the way back.
double ask(const Clock& clock) {
  double quickest = std::numeric_limits<double>::infinity(), offset = 0;
  for (int i = 0; i < kPingPongs; ++i) {
    const double sent = clock();
    double theirs = 0;
    MPI_Send(&sent, 1, MPI_DOUBLE, 0, kTag, MPI_COMM_WORLD);
    MPI_Recv(&theirs, 1, MPI_DOUBLE, 0, kTag, MPI_COMM_WORLD, MPI_STATUS_IGNORE);
    const double received = clock();
    if (received - sent >= quickest) continue;
    quickest = received - sent;
    offset = theirs - 0.5 * (sent + received);
  }
  return offset;
}

}  // namespace

ClockOffset clock_offset(MpiSession& session, Control& control, const Clock& clock) {
  const std::string zero = control.broadcast(control.host(), control.world());
  const auto hosts = control.gather(control.host(), control.world());
  double elsewhere = 0;
  if (control.rank() == 0)
    elsewhere =
        static_cast<double>(std::count_if(hosts.begin(), hosts.end(), [&](const auto& h) { return h != zero; }));
  const double total = control.broadcast({&elsewhere, 1}, control.world())[0];
  if (total == 0) return {};

  ClockOffset result{.method = "offset"};
  const std::lock_guard held(session.lock());
  if (control.rank() == 0) {
    for (int rank = 1; rank < control.size(); ++rank)
      if (hosts[static_cast<std::size_t>(rank)] != zero) answer(rank, clock);
  } else if (control.host() != zero) {
    result.seconds = ask(clock);
  }
  return result;
}

}  // namespace scalebench
