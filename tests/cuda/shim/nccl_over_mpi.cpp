#include "tests/cuda/shim/nccl_over_mpi.hpp"

#include <algorithm>
#include <memory>
#include <vector>

#include <mpi.h>

#include "base/small_float.hpp"

namespace scalebench::shim {

namespace {

constexpr int kTag = 815;

MPI_Comm mpi(const Crowd& crowd) { return static_cast<MPI_Comm>(crowd.comm); }

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
  if (type == ncclFloat16) reduce_as<std::uint16_t>(all, count, ranks, reduction, number_of<kFp16>, code_of<kFp16>);
  if (type == ncclBfloat16)
    reduce_as<std::uint16_t>(
        all, count, ranks, reduction, [](std::uint16_t x) { return std::bit_cast<float>(std::uint32_t{x} << 16); },
        [](float x) {
          const auto bits = std::bit_cast<std::uint32_t>(x);
          return static_cast<std::uint16_t>((bits + 0x7fff + ((bits >> 16) & 1)) >> 16);
        });
}

// What MPI is asked to do, and the memory that it is done in.
struct Transfer {
  MPI_Request request = MPI_REQUEST_NULL;
  std::vector<std::byte> all{};
};
using Running = std::shared_ptr<Transfer>;

// `then`: what is left to do when it has come.
template <class Then>
Pending until(const Running& transfer, Then then) {
  return [transfer, then] {
    int done = 0;
    MPI_Test(&transfer->request, &done, MPI_STATUS_IGNORE);
    if (done != 0) then(transfer->all);
    return done != 0;
  };
}
Pending until(const Running& transfer) {
  return until(transfer, [](std::vector<std::byte>&) {});
}

Running gather(const Crowd& crowd, const void* from, std::size_t bytes) {
  auto transfer = std::make_shared<Transfer>();
  transfer->all.resize(bytes * static_cast<std::size_t>(crowd.size));
  const int count = static_cast<int>(bytes);
  MPI_Iallgather(from, count, MPI_BYTE, transfer->all.data(), count, MPI_BYTE, mpi(crowd), &transfer->request);
  return transfer;
}

Crowd crowd_of(MPI_Comm comm) {
  MPI_Comm side;
  MPI_Comm_dup(comm, &side);
  Crowd crowd{comm, side};
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
  MPI_Comm comm = mpi(crowd), side = static_cast<MPI_Comm>(crowd.side);
  MPI_Comm_free(&comm), MPI_Comm_free(&side);
}

bool agree(const Crowd& crowd, std::uint64_t number) {
  std::vector<std::uint64_t> all(static_cast<std::size_t>(crowd.size));
  MPI_Request request;
  MPI_Iallgather(&number, 1, MPI_UINT64_T, all.data(), 1, MPI_UINT64_T, static_cast<MPI_Comm>(crowd.side), &request);
  for (int done = 0; done == 0; MPI_Test(&request, &done, MPI_STATUS_IGNORE)) cudaStreamQuery(nullptr);
  return std::ranges::all_of(all, [&](std::uint64_t other) { return other == number; });
}

Pending all_reduce(const Crowd& crowd, const void* from, void* to, std::size_t count, ncclDataType_t type,
                   ncclRedOp_t reduction) {
  return until(gather(crowd, from, count * size_of_type(type)), [=, ranks = crowd.size](std::vector<std::byte>& all) {
    reduce(all, count, ranks, type, reduction);
    std::memcpy(to, all.data(), count * size_of_type(type));
  });
}

Pending all_gather(const Crowd& crowd, const void* from, void* to, std::size_t sent, ncclDataType_t type) {
  return until(gather(crowd, from, sent * size_of_type(type)),
               [=](std::vector<std::byte>& all) { std::memcpy(to, all.data(), all.size()); });
}

Pending reduce_scatter(const Crowd& crowd, const void* from, void* to, std::size_t received, ncclDataType_t type,
                       ncclRedOp_t reduction) {
  const std::size_t bytes = received * size_of_type(type), ranks = static_cast<std::size_t>(crowd.size);
  return until(gather(crowd, from, bytes * ranks), [=, at = crowd.rank](std::vector<std::byte>& all) {
    reduce(all, received * ranks, static_cast<int>(ranks), type, reduction);
    std::memcpy(to, all.data() + bytes * static_cast<std::size_t>(at), bytes);
  });
}

Pending broadcast(const Crowd& crowd, const void* from, void* to, std::size_t count, ncclDataType_t type, int root) {
  const auto transfer = std::make_shared<Transfer>();
  if (crowd.rank == root) std::memmove(to, from, count * size_of_type(type));
  MPI_Ibcast(to, static_cast<int>(count * size_of_type(type)), MPI_BYTE, root, mpi(crowd), &transfer->request);
  return until(transfer);
}

void connect(const Crowd& crowd, const std::vector<Connection>& all) {
  constexpr int kConnect = 816;
  std::vector<MPI_Request> requests(2 * all.size());
  for (std::size_t i = 0; i < all.size(); ++i) {
    const auto& [peer, sends] = all[i];
    const int mine = kConnect + (sends ? 1 : 0), theirs = kConnect + (sends ? 0 : 1);
    MPI_Isend(nullptr, 0, MPI_BYTE, peer, mine, static_cast<MPI_Comm>(crowd.side), &requests[2 * i]);
    MPI_Irecv(nullptr, 0, MPI_BYTE, peer, theirs, static_cast<MPI_Comm>(crowd.side), &requests[2 * i + 1]);
  }
  MPI_Waitall(static_cast<int>(requests.size()), requests.data(), MPI_STATUSES_IGNORE);
}

Pending send(const Crowd& crowd, const void* from, std::size_t count, ncclDataType_t type, int peer) {
  const auto transfer = std::make_shared<Transfer>();
  MPI_Isend(from, static_cast<int>(count * size_of_type(type)), MPI_BYTE, peer, kTag, mpi(crowd), &transfer->request);
  return until(transfer);
}

Pending receive(const Crowd& crowd, void* to, std::size_t count, ncclDataType_t type, int peer) {
  const auto transfer = std::make_shared<Transfer>();
  MPI_Irecv(to, static_cast<int>(count * size_of_type(type)), MPI_BYTE, peer, kTag, mpi(crowd), &transfer->request);
  return until(transfer);
}

}  // namespace scalebench::shim
