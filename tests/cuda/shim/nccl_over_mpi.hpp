// What the stand-in for NCCL does with MPI.
#pragma once

#include <nccl.h>

namespace scalebench::shim {

// Where the ranks of a new communicator find each other.
struct Meeting {
  int host, number;  // the rank of the world that made it, and how many it had made before
};
Meeting new_meeting();

struct Crowd {
  void* comm = nullptr;  // MPI's
  int rank = 0, size = 1;
};
Crowd meet(const Meeting& meeting, int size, int rank);
Crowd part(const Crowd& crowd, int color, int key);
void leave(Crowd& crowd);

void all_reduce(const Crowd& crowd, const void* from, void* to, std::size_t count, ncclDataType_t, ncclRedOp_t);
void all_gather(const Crowd& crowd, const void* from, void* to, std::size_t sent, ncclDataType_t);
void reduce_scatter(const Crowd& crowd, const void* from, void* to, std::size_t received, ncclDataType_t, ncclRedOp_t);
void broadcast(const Crowd& crowd, const void* from, void* to, std::size_t count, ncclDataType_t, int root);
void send(const Crowd& crowd, const void* from, std::size_t count, ncclDataType_t, int peer);
void receive(const Crowd& crowd, void* to, std::size_t count, ncclDataType_t, int peer);

}  // namespace scalebench::shim
