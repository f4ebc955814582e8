#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <map>
#include <optional>
#include <set>
#include <thread>
#include <vector>

#include <nccl.h>

#include "tests/cuda/shim/nccl_over_mpi.hpp"
#include "tests/cuda/shim/nccl_registry.hpp"
#include "tests/cuda/shim/nccl_watchers.hpp"
#include "tests/cuda/shim/streams.hpp"

using namespace scalebench::shim;

namespace {

constexpr int kLooks = 3;  // until a communicator is made

NcclFault fault = NcclFault::none;
bool idle = false;
std::atomic<int> made, split, aborted, alive;
int launches = 0, most_ctas = 0, freed_too_early = 0;

// What operations under way need of their communicator, which may be gone by then.
struct Life {
  Crowd crowd{};
  std::atomic<bool> ended = false;  // by an abort
};

}  // namespace

struct ncclComm {
  bool blocking = true;
  ncclResult_t state = ncclInProgress;
  int looks = 0;
  std::function<void()> make{};  // under way: what the last look does
  ncclComm_t child{};            // that is being split off
  std::shared_ptr<Life> life = std::make_shared<Life>();
  std::vector<std::shared_ptr<std::atomic<bool>>> holds{};
  bool finalized = false;
  Watchers watchers{};
  std::set<Connection> connected{};
  std::shared_ptr<int> in_graphs = std::make_shared<int>();  // held by each
};

namespace {

using Begin = std::function<Pending(const Crowd&)>;

ncclComm* new_comm(const ncclConfig_t* config) {
  ++alive;
  auto* const comm = new ncclComm;
  comm->blocking = config == nullptr || config->blocking != 0;
  most_ctas = config == nullptr ? INT_MIN : config->maxCTAs;
  return comm;
}

// Of one launch: all operations begin together. What an abort leaves under way keeps its memory.
std::function<Pending()> together(const std::shared_ptr<Life>& life, std::vector<Begin> all) {
  return [life, all = std::move(all)]() -> Pending {
    if (life->ended) return {};
    std::vector<Pending> pending;
    for (const Begin& begin : all) pending.push_back(begin(life->crowd));
    return [life, pending]() mutable {
      static std::vector<Pending> never_ended;
      if (life->ended) {
        never_ended.insert(never_ended.end(), pending.begin(), pending.end());
        return true;
      }
      std::erase_if(pending, [](const Pending& one) { return one(); });
      return pending.empty();
    };
  };
}

struct Grouped {
  ncclComm_t comm;
  cudaStream_t stream;
  std::vector<Begin> all;
};
int depth = 0;  // of groups
std::vector<Grouped> grouped;
struct Connecting {
  ncclComm_t comm;
  Connection to;
};
std::vector<Connecting> connecting;

void connect_all() {
  std::map<ncclComm_t, std::vector<Connection>> all;
  for (const Connecting& one : std::exchange(connecting, {}))
    if (one.comm->connected.insert(one.to).second) all[one.comm].push_back(one.to);
  for (const auto& [comm, connections] : all) connect(comm->life->crowd, connections);
}

ncclResult_t operate(ncclComm_t comm, cudaStream_t stream, Begin begin, const Watched& what,
                     const std::optional<Connection>& connection = {}) {
  if (comm == nullptr || comm->state != ncclSuccess || comm->finalized) return ncclInvalidArgument;
  if (idle) return ncclSuccess;
  comm->watchers.tell(what);
  if (fault == NcclFault::unanswered || fault == NcclFault::lost || fault == NcclFault::stuck_abort) {
    comm->holds.push_back(hold(stream));
    if (fault == NcclFault::lost) comm->state = ncclRemoteError;
    return ncclSuccess;
  }
  if (capturing()) keep_in_graph(comm->in_graphs);
  if (connection && !comm->connected.contains(*connection)) connecting.push_back({comm, *connection});
  if (depth == 0) connect_all();
  const auto same = std::ranges::find(grouped, comm, &Grouped::comm);
  if (depth == 0)
    ++launches, issue(stream, together(comm->life, {std::move(begin)}));
  else if (same == grouped.end())
    grouped.push_back({comm, stream, {std::move(begin)}});
  else if (same->stream != stream)
    return ncclInvalidUsage;  // which NCCL would take, and make the streams wait for each other
  else
    same->all.push_back(std::move(begin));
  return ncclSuccess;
}

}  // namespace

void scalebench::shim::fail_nccl_with(NcclFault next) { fault = next; }
void scalebench::shim::do_nothing_in_nccl(bool on) { idle = on; }
NcclCounts scalebench::shim::nccl_counts() {
  const Registered now = registered();
  return {made, split, aborted, alive, launches, most_ctas, now.memories, now.handles, now.windows, freed_too_early};
}

ncclResult_t ncclGroupStart() { return ++depth, ncclSuccess; }
ncclResult_t ncclGroupEnd() {
  if (depth == 0) return ncclInvalidUsage;
  if (--depth > 0) return ncclSuccess;
  connect_all();
  for (Grouped& one : std::exchange(grouped, {}))
    ++launches, issue(one.stream, together(one.comm->life, std::move(one.all)));
  return ncclSuccess;
}

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
    made_comm->life->crowd = meet(meeting, size, rank);
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
    const Crowd& crowd = child->life->crowd = part(comm->life->crowd, color, key);
    child->watchers.begin(crowd.size, crowd.rank);
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
  cudaStreamQuery(nullptr);  // what is under way goes on meanwhile
  if (comm->state == ncclInProgress && fault != NcclFault::lonely && ++comm->looks == kLooks) comm->make();
  return *state = comm->state, ncclSuccess;
}

ncclResult_t ncclCommFinalize(ncclComm_t comm) {
  if (comm == nullptr || comm->finalized) return ncclInvalidArgument;
  if (comm->in_graphs.use_count() > 1) {
    std::fputs("the stand-in for NCCL: a communicator is finalized that graphs hold: NCCL would wait for ever\n",
               stderr);
    std::abort();
  }
  return comm->finalized = true, ncclSuccess;
}

ncclResult_t ncclCommDestroy(ncclComm_t comm) {
  if (comm == nullptr || !comm->finalized) return ncclInvalidUsage;
  comm->watchers.end();
  if (forget(comm)) ++freed_too_early;
  leave(comm->life->crowd);
  delete comm;
  return --alive, ncclSuccess;
}

ncclResult_t ncclCommAbort(ncclComm_t comm) {
  if (comm == nullptr) return ncclInvalidArgument;
  comm->life->ended = true;
  forget(comm);
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
  return operate(comm, stream, [=](const Crowd& crowd) { return all_reduce(crowd, from, to, count, type, reduction); },
                 {"AllReduce", count, type});
}
ncclResult_t ncclAllGather(const void* from, void* to, std::size_t sent, ncclDataType_t type, ncclComm_t comm,
                           cudaStream_t stream) {
  return operate(comm, stream, [=](const Crowd& crowd) { return all_gather(crowd, from, to, sent, type); },
                 {"AllGather", sent, type});
}
ncclResult_t ncclReduceScatter(const void* from, void* to, std::size_t received, ncclDataType_t type,
                               ncclRedOp_t reduction, ncclComm_t comm, cudaStream_t stream) {
  return operate(comm, stream,
                 [=](const Crowd& crowd) { return reduce_scatter(crowd, from, to, received, type, reduction); },
                 {"ReduceScatter", received, type});
}
ncclResult_t ncclBroadcast(const void* from, void* to, std::size_t count, ncclDataType_t type, int root,
                           ncclComm_t comm, cudaStream_t stream) {
  return operate(comm, stream, [=](const Crowd& crowd) { return broadcast(crowd, from, to, count, type, root); },
                 {"Broadcast", count, type});
}
ncclResult_t ncclSend(const void* from, std::size_t count, ncclDataType_t type, int peer, ncclComm_t comm,
                      cudaStream_t stream) {
  return operate(
      comm, stream, [=](const Crowd& crowd) { return send(crowd, from, count, type, peer); }, {"Send", count, type},
      Connection{peer, true});
}
ncclResult_t ncclRecv(void* to, std::size_t count, ncclDataType_t type, int peer, ncclComm_t comm,
                      cudaStream_t stream) {
  return operate(
      comm, stream, [=](const Crowd& crowd) { return receive(crowd, to, count, type, peer); }, {"Recv", count, type},
      Connection{peer, false});
}

ncclResult_t ncclMemAlloc(void** place, std::size_t bytes) {
  return fault == NcclFault::no_memory ? ncclUnhandledCudaError : take_memory(place, bytes);
}
ncclResult_t ncclMemFree(void* place) {
  if (give_memory_back(place)) ++freed_too_early;
  return ncclSuccess;
}
ncclResult_t ncclCommRegister(ncclComm_t comm, void* place, std::size_t bytes, void** handle) {
  if (fault == NcclFault::no_registry) return ncclInvalidUsage;
  *handle = new_handle(comm, place, bytes);
  return ncclSuccess;
}
ncclResult_t ncclCommDeregister(ncclComm_t comm, void* handle) {
  return drop_handle(comm, handle) ? ncclSuccess : ncclInvalidArgument;
}
// All ranks must come, with as many bytes. Where there can be no window, there is success and none.
ncclResult_t ncclCommWindowRegister(ncclComm_t comm, void* place, std::size_t bytes, ncclWindow_t* window, int) {
  if (!agree(comm->life->crowd, bytes)) return ncclInvalidArgument;
  const bool refused = fault == NcclFault::no_windows || fault == NcclFault::no_registry;
  *window = refused ? nullptr : new_window(comm, place, bytes);
  return ncclSuccess;
}
ncclResult_t ncclCommWindowDeregister(ncclComm_t comm, ncclWindow_t window) {
  return drop_window(comm, window) ? ncclSuccess : ncclInvalidArgument;
}
