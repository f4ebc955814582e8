#include "tests/cuda/shim/nccl_over_mpi.hpp"

#include <vector>

#include <mpi.h>

namespace scalebench::shim {

namespace {

constexpr int kTag = 815;

MPI_Comm mpi(const Crowd& crowd) { return static_cast<MPI_Comm>(crowd.comm); }

std::size_t bytes_of(ncclDataType_t type) { return type == ncclInt8 ? 1 : type == ncclBfloat16 ? 2 : 4; }

// Each rank's array at every rank, then one after the other: slow, and the same sum everywhere.
template <class T>
void reduce_as(std::vector<std::byte>& all, std::size_t count, int ranks, ncclRedOp_t reduction, auto&& widen,
               auto&& narrow) {
  T* const values = reinterpret_cast<T*>(all.data());
  for (std::size_t i = 0; i < count; ++i) {
    auto result = widen(values[i]);
    for (int rank = 1; rank < ranks; ++rank) {
      const auto next = widen(values[static_cast<std::size_t>(rank) * count + i]);
      result = reduction == ncclSum ? result + next : std::max(result, next);
    }
    values[i] = narrow(result);
  }
}

void reduce(std::vector<std::byte>& all, std::size_t count, int ranks, ncclDataType_t type, ncclRedOp_t reduction) {
  const auto same = [](auto x) { return x; };
  if (type == ncclFloat32) reduce_as<float>(all, count, ranks, reduction, same, same);
  if (type == ncclInt32) reduce_as<std::int32_t>(all, count, ranks, reduction, same, same);
  if (type == ncclBfloat16)
    reduce_as<std::uint16_t>(
        all, count, ranks, reduction, [](std::uint16_t x) { return std::bit_cast<float>(std::uint32_t{x} << 16); },
        [](float x) {
          const auto bits = std::bit_cast<std::uint32_t>(x);
          return static_cast<std::uint16_t>((bits + 0x7fff + ((bits >> 16) & 1)) >> 16);
        });
}

std::vector<std::byte> gathered(const Crowd& crowd, const void* from, std::size_t bytes) {
  std::vector<std::byte> all(bytes * static_cast<std::size_t>(crowd.size));
  const int count = static_cast<int>(bytes);
  MPI_Allgather(from, count, MPI_BYTE, all.data(), count, MPI_BYTE, mpi(crowd));
  return all;
}

Crowd crowd_of(MPI_Comm comm) {
  Crowd crowd{comm};
  MPI_Comm_rank(comm, &crowd.rank);
  MPI_Comm_size(comm, &crowd.size);
  return crowd;
}

}  // namespace

Meeting new_meeting() {
  static int meetings = 0;
  Meeting meeting{.host = 0, .number = meetings++};
  MPI_Comm_rank(MPI_COMM_WORLD, &meeting.host);
  return meeting;
}

// All tell the host who they are; it tells all the list.
Crowd meet(const Meeting& meeting, int size, int rank) {
  std::vector<int> members(static_cast<std::size_t>(size));
  int me = 0;
  MPI_Comm_rank(MPI_COMM_WORLD, &me);
  const int tag = kTag + meeting.number % 1000;
  if (me == meeting.host) {
    members[static_cast<std::size_t>(rank)] = me;
    for (int guest = 1; guest < size; ++guest) {
      int names[2];  // in the communicator, in the world
      MPI_Recv(names, 2, MPI_INT, MPI_ANY_SOURCE, tag, MPI_COMM_WORLD, MPI_STATUS_IGNORE);
      members[static_cast<std::size_t>(names[0])] = names[1];
    }
    for (const int guest : members)
      if (guest != me) MPI_Send(members.data(), size, MPI_INT, guest, tag + 1000, MPI_COMM_WORLD);
  } else {
    const int names[2] = {rank, me};
    MPI_Send(names, 2, MPI_INT, meeting.host, tag, MPI_COMM_WORLD);
    MPI_Recv(members.data(), size, MPI_INT, meeting.host, tag + 1000, MPI_COMM_WORLD, MPI_STATUS_IGNORE);
  }
  MPI_Group world, group;
  MPI_Comm comm;
  MPI_Comm_group(MPI_COMM_WORLD, &world);
  MPI_Group_incl(world, size, members.data(), &group);
  MPI_Comm_create_group(MPI_COMM_WORLD, group, tag, &comm);
  MPI_Group_free(&group), MPI_Group_free(&world);
  return crowd_of(comm);
}

Crowd part(const Crowd& crowd, int color, int key) {
  MPI_Comm comm;
  MPI_Comm_split(mpi(crowd), color, key, &comm);
  return crowd_of(comm);
}

void leave(Crowd& crowd) {
  MPI_Comm comm = mpi(crowd);
  MPI_Comm_free(&comm);
}

void all_reduce(const Crowd& crowd, const void* from, void* to, std::size_t count, ncclDataType_t type,
                ncclRedOp_t reduction) {
  auto all = gathered(crowd, from, count * bytes_of(type));
  reduce(all, count, crowd.size, type, reduction);
  std::memcpy(to, all.data(), count * bytes_of(type));
}

void all_gather(const Crowd& crowd, const void* from, void* to, std::size_t sent, ncclDataType_t type) {
  const auto all = gathered(crowd, from, sent * bytes_of(type));
  std::memcpy(to, all.data(), all.size());
}

void reduce_scatter(const Crowd& crowd, const void* from, void* to, std::size_t received, ncclDataType_t type,
                    ncclRedOp_t reduction) {
  const std::size_t bytes = received * bytes_of(type);
  auto all = gathered(crowd, from, bytes * static_cast<std::size_t>(crowd.size));
  reduce(all, received * static_cast<std::size_t>(crowd.size), crowd.size, type, reduction);
  std::memcpy(to, all.data() + bytes * static_cast<std::size_t>(crowd.rank), bytes);
}

void broadcast(const Crowd& crowd, const void* from, void* to, std::size_t count, ncclDataType_t type, int root) {
  if (crowd.rank == root) std::memmove(to, from, count * bytes_of(type));
  MPI_Bcast(to, static_cast<int>(count * bytes_of(type)), MPI_BYTE, root, mpi(crowd));
}

void send(const Crowd& crowd, const void* from, std::size_t count, ncclDataType_t type, int peer) {
  MPI_Send(from, static_cast<int>(count * bytes_of(type)), MPI_BYTE, peer, kTag, mpi(crowd));
}

void receive(const Crowd& crowd, void* to, std::size_t count, ncclDataType_t type, int peer) {
  MPI_Recv(to, static_cast<int>(count * bytes_of(type)), MPI_BYTE, peer, kTag, mpi(crowd), MPI_STATUS_IGNORE);
}

}  // namespace scalebench::shim
