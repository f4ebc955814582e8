#include "collectives/control/board.hpp"

#include <array>
#include <exception>
#include <memory>
#include <mutex>
#include <new>

#include <sys/stat.h>
#include <unistd.h>

namespace scalebench {

namespace {

std::uint64_t process_space() {
  struct stat status {};
  return stat("/proc/self/ns/pid", &status) == 0 ? status.st_ino : 0;
}

void introduce(Slot& slot, int rank) {
  std::array<char, 256> host{};
  gethostname(host.data(), host.size() - 1);
  slot.host.set(host.data());
  slot.pid_space = process_space();
  slot.pid = getpid();
  slot.rank = rank;
}

}  // namespace

Board::Board(MpiSession& session) : session_(session) {
  const std::lock_guard held(session_.lock());
  check_mpi(MPI_Comm_split_type(MPI_COMM_WORLD, MPI_COMM_TYPE_SHARED, 0, MPI_INFO_NULL, &node_), "MPI_Comm_split_type");
  int index = 0, size = 0;
  MPI_Comm_rank(node_, &index);
  MPI_Comm_size(node_, &size);
  index_ = static_cast<std::size_t>(index);
  const auto count = static_cast<std::size_t>(size);

  // All of it belongs to the node's first rank, with room to align it.
  const auto bytes = index == 0 ? static_cast<MPI_Aint>(alignof(Slot) + sizeof(Speaker) + count * sizeof(Slot)) : 0;
  void* own = nullptr;
  check_mpi(MPI_Win_allocate_shared(bytes, 1, MPI_INFO_NULL, node_, &own, &window_), "MPI_Win_allocate_shared");
  MPI_Aint length = 0;
  int unit = 0;
  void* begin = nullptr;
  check_mpi(MPI_Win_shared_query(window_, 0, &length, &unit, &begin), "MPI_Win_shared_query");
  auto room = static_cast<std::size_t>(length);
  void* aligned = std::align(alignof(Slot), sizeof(Speaker) + count * sizeof(Slot), begin, room);
  ensure(aligned != nullptr, "the board of {} ranks has {} bytes", count, length);
  speaker_ = static_cast<Speaker*>(aligned);
  slots_ = {reinterpret_cast<Slot*>(speaker_ + 1), count};

  if (index == 0) new (speaker_) Speaker;
  new (&slots_[index_]) Slot;
  introduce(slots_[index_], session_.rank());
  check_mpi(MPI_Barrier(node_), "MPI_Barrier");
}

Board::~Board() {
  if (std::uncaught_exceptions() > 0) return;
  const std::lock_guard held(session_.lock());
  MPI_Win_free(&window_);
  MPI_Comm_free(&node_);
}

}  // namespace scalebench
