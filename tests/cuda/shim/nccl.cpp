#include <atomic>
#include <chrono>
#include <cstring>
#include <thread>
#include <vector>

#include <nccl.h>

#include "tests/cuda/shim/nccl_over_mpi.hpp"
#include "tests/cuda/shim/nccl_watchers.hpp"

using namespace scalebench::shim;

namespace {

constexpr int kLooks = 3;  // until a communicator is made

NcclFault fault = NcclFault::none;
std::atomic<int> made, split, aborted, alive;

}  // namespace

struct ncclComm {
  bool blocking = true;
  ncclResult_t state = ncclInProgress;
  int looks = 0;
  std::function<void()> make{};  // under way: what the last look does
  ncclComm_t child{};            // that is being split off
  Crowd crowd{};
  std::vector<std::shared_ptr<bool>> holds{};
  bool finalized = false;
  Watchers watchers{};
};

namespace {

ncclComm* new_comm(const ncclConfig_t* config) {
  ++alive;
  auto* const comm = new ncclComm;
  comm->blocking = config == nullptr || config->blocking != 0;
  return comm;
}

// Runs `work` if the operation comes to its end.
template <class Work>
ncclResult_t operate(ncclComm_t comm, cudaStream_t stream, Work work, const Watched& what) {
  if (comm == nullptr || comm->state != ncclSuccess || comm->finalized) return ncclInvalidArgument;
  comm->watchers.tell(what);
  if (fault == NcclFault::none || fault == NcclFault::other_version) return issue(work), ncclSuccess;
  comm->holds.push_back(hold(stream));
  if (fault == NcclFault::lost) comm->state = ncclRemoteError;
  return ncclSuccess;
}

}  // namespace

void scalebench::shim::fail_nccl_with(NcclFault next) { fault = next; }
NcclCounts scalebench::shim::nccl_counts() { return {made, split, aborted, alive}; }

ncclResult_t ncclGetVersion(int* version) {
  return *version = fault == NcclFault::other_version ? 22304 : 22809, ncclSuccess;
}

ncclResult_t ncclGetUniqueId(ncclUniqueId* id) {
  const Meeting meeting = new_meeting();
  std::memcpy(id->internal, &meeting, sizeof(meeting));
  return ncclSuccess;
}

ncclResult_t ncclCommInitRankConfig(ncclComm_t* comm, int size, ncclUniqueId id, int rank, ncclConfig_t* config) {
  *comm = new_comm(config);
  Meeting meeting{};
  std::memcpy(&meeting, id.internal, sizeof(meeting));
  (*comm)->make = [made_comm = *comm, meeting, size, rank] {
    made_comm->crowd = meet(meeting, size, rank);
    made_comm->watchers.begin(size, rank);
    made_comm->state = ncclSuccess;
    ++made;
  };
  if (!(*comm)->blocking) return ncclInProgress;
  return (*comm)->make(), ncclSuccess;
}

ncclResult_t ncclCommSplit(ncclComm_t comm, int color, int key, ncclComm_t* place, ncclConfig_t* config) {
  if (comm == nullptr || comm->state != ncclSuccess) return ncclInvalidArgument;
  *place = nullptr;
  comm->child = new_comm(config);
  comm->make = [comm, color, key, place] {
    ncclComm_t const child = std::exchange(comm->child, nullptr);
    child->crowd = part(comm->crowd, color, key);
    child->watchers.begin(child->crowd.size, child->crowd.rank);
    child->state = comm->state = ncclSuccess;
    *place = child;
    ++split;
  };
  if (comm->blocking) return comm->make(), ncclSuccess;
  comm->looks = 0;
  return comm->state = ncclInProgress;
}

ncclResult_t ncclCommGetAsyncError(ncclComm_t comm, ncclResult_t* state) {
  if (comm == nullptr) return ncclInvalidArgument;
  if (comm->state == ncclInProgress && fault != NcclFault::lonely && ++comm->looks == kLooks) comm->make();
  return *state = comm->state, ncclSuccess;
}

ncclResult_t ncclCommFinalize(ncclComm_t comm) {
  if (comm == nullptr || comm->finalized) return ncclInvalidArgument;
  return comm->finalized = true, ncclSuccess;
}

ncclResult_t ncclCommDestroy(ncclComm_t comm) {
  if (comm == nullptr || !comm->finalized) return ncclInvalidUsage;
  comm->watchers.end();
  leave(comm->crowd);
  delete comm;
  return --alive, ncclSuccess;
}

ncclResult_t ncclCommAbort(ncclComm_t comm) {
  if (comm == nullptr) return ncclInvalidArgument;
  for (const auto& hold : comm->holds) *hold = false;
  if (comm->child != nullptr) delete comm->child, --alive;
  while (fault == NcclFault::stuck_abort) std::this_thread::sleep_for(std::chrono::milliseconds(10));
  delete comm;
  return ++aborted, --alive, ncclSuccess;
}

const char* ncclGetErrorString(ncclResult_t result) {
  return result == ncclRemoteError ? "remote process exited" : "an error of the stand-in";
}
const char* ncclGetLastError(ncclComm_t) { return "the stand-in's last words"; }

ncclResult_t ncclAllReduce(const void* from, void* to, std::size_t count, ncclDataType_t type, ncclRedOp_t reduction,
                           ncclComm_t comm, cudaStream_t stream) {
  return operate(comm, stream, [=] { all_reduce(comm->crowd, from, to, count, type, reduction); },
                 {"AllReduce", count, type});
}
ncclResult_t ncclAllGather(const void* from, void* to, std::size_t sent, ncclDataType_t type, ncclComm_t comm,
                           cudaStream_t stream) {
  return operate(comm, stream, [=] { all_gather(comm->crowd, from, to, sent, type); }, {"AllGather", sent, type});
}
ncclResult_t ncclReduceScatter(const void* from, void* to, std::size_t received, ncclDataType_t type,
                               ncclRedOp_t reduction, ncclComm_t comm, cudaStream_t stream) {
  return operate(comm, stream, [=] { reduce_scatter(comm->crowd, from, to, received, type, reduction); },
                 {"ReduceScatter", received, type});
}
ncclResult_t ncclBroadcast(const void* from, void* to, std::size_t count, ncclDataType_t type, int root,
                           ncclComm_t comm, cudaStream_t stream) {
  return operate(comm, stream, [=] { broadcast(comm->crowd, from, to, count, type, root); },
                 {"Broadcast", count, type});
}
ncclResult_t ncclSend(const void* from, std::size_t count, ncclDataType_t type, int peer, ncclComm_t comm,
                      cudaStream_t stream) {
  return operate(comm, stream, [=] { send(comm->crowd, from, count, type, peer); }, {"Send", count, type});
}
ncclResult_t ncclRecv(void* to, std::size_t count, ncclDataType_t type, int peer, ncclComm_t comm,
                      cudaStream_t stream) {
  return operate(comm, stream, [=] { receive(comm->crowd, to, count, type, peer); }, {"Recv", count, type});
}
