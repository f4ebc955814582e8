// What the stand-in for NCCL does with MPI.
#pragma once

#include <compare>
#include <vector>

#include <nccl.h>

namespace scalebench::shim {

// Where the ranks of a new communicator find each other.
struct Meeting {
  int host, number;  // the rank of the world that made it, and how many it had made before
};
Meeting new_meeting();

struct Crowd {
  void* comm = nullptr;  // MPI's
  void* side = nullptr;  // another, for what the hosts do beside the streams
  int rank = 0, size = 1;
};
Crowd meet(const Meeting& meeting, int size, int rank);
Crowd part(const Crowd& crowd, int color, int key);
void leave(Crowd& crowd);

// Of sends or receives, the first between this rank and `peer`: the host waits until that has its first of the other
// kind. All of a group wait together.
struct Connection {
  int peer;
  bool sends;
  auto operator<=>(const Connection&) const = default;
};
void connect(const Crowd& crowd, const std::vector<Connection>& all);

// Whether all bring the same number; all must come.
bool agree(const Crowd& crowd, std::uint64_t number);

// Each begins an operation and says when it is done.
Pending all_reduce(const Crowd&, const void* from, void* to, std::size_t count, ncclDataType_t, ncclRedOp_t);
Pending all_gather(const Crowd&, const void* from, void* to, std::size_t sent, ncclDataType_t);
Pending reduce_scatter(const Crowd&, const void* from, void* to, std::size_t received, ncclDataType_t, ncclRedOp_t);
Pending broadcast(const Crowd&, const void* from, void* to, std::size_t count, ncclDataType_t, int root);
Pending send(const Crowd&, const void* from, std::size_t count, ncclDataType_t, int peer);
Pending receive(const Crowd&, void* to, std::size_t count, ncclDataType_t, int peer);

}  // namespace scalebench::shim
