// A stand-in for NCCL's header: the calls that collectives/nccl makes, over MPI, on the host memory of the stand-in for
// CUDA. Operations take their turn in their streams; making a communicator takes a few looks, as with `blocking` 0.
#pragma once

#include <climits>
#include <cstddef>

#include <cuda_runtime.h>

enum ncclResult_t {
  ncclSuccess,
  ncclUnhandledCudaError,
  ncclSystemError,
  ncclInternalError,
  ncclInvalidArgument,
  ncclInvalidUsage,
  ncclRemoteError,
  ncclInProgress
};
enum ncclRedOp_t { ncclSum, ncclMax };
enum ncclDataType_t { ncclInt8, ncclInt32, ncclFloat32, ncclBfloat16, ncclFloat16, ncclFloat8e4m3, ncclFloat8e5m2 };
constexpr std::size_t size_of_type(ncclDataType_t type) {
  if (type == ncclInt32 || type == ncclFloat32) return 4;
  return type == ncclBfloat16 || type == ncclFloat16 ? 2 : 1;
}
using ncclComm_t = struct ncclComm*;
struct ncclUniqueId {
  char internal[128];
};
struct ncclConfig_t {
  int blocking, maxCTAs;
};
#define NCCL_CONFIG_INITIALIZER \
  { INT_MIN, INT_MIN }
using ncclWindow_t = struct ncclWindow*;
#define NCCL_VERSION_CODE 22809
#define NCCL_VERSION(x, y, z) ((x)*10000 + (y)*100 + (z))
#define NCCL_WIN_COLL_SYMMETRIC 1

extern "C" {
ncclResult_t ncclMemAlloc(void** place, std::size_t bytes);
ncclResult_t ncclMemFree(void* place);
ncclResult_t ncclCommRegister(ncclComm_t comm, void* place, std::size_t bytes, void** handle);
ncclResult_t ncclCommDeregister(ncclComm_t comm, void* handle);
ncclResult_t ncclCommWindowRegister(ncclComm_t comm, void* place, std::size_t bytes, ncclWindow_t* window, int flags);
ncclResult_t ncclCommWindowDeregister(ncclComm_t comm, ncclWindow_t window);
}
ncclResult_t ncclGroupStart();
ncclResult_t ncclGroupEnd();
ncclResult_t ncclGetVersion(int* version);
ncclResult_t ncclGetUniqueId(ncclUniqueId* id);
ncclResult_t ncclCommInitRankConfig(ncclComm_t* comm, int size, ncclUniqueId id, int rank, ncclConfig_t* config);
ncclResult_t ncclCommSplit(ncclComm_t comm, int color, int key, ncclComm_t* made, ncclConfig_t* config);
ncclResult_t ncclCommGetAsyncError(ncclComm_t comm, ncclResult_t* state);
ncclResult_t ncclCommFinalize(ncclComm_t comm);
ncclResult_t ncclCommDestroy(ncclComm_t comm);
ncclResult_t ncclCommAbort(ncclComm_t comm);
const char* ncclGetErrorString(ncclResult_t result);
const char* ncclGetLastError(ncclComm_t comm);
ncclResult_t ncclAllReduce(const void* from, void* to, std::size_t count, ncclDataType_t, ncclRedOp_t, ncclComm_t,
                           cudaStream_t);
ncclResult_t ncclAllGather(const void* from, void* to, std::size_t sent, ncclDataType_t, ncclComm_t, cudaStream_t);
ncclResult_t ncclReduceScatter(const void* from, void* to, std::size_t received, ncclDataType_t, ncclRedOp_t,
                               ncclComm_t, cudaStream_t);
ncclResult_t ncclBroadcast(const void* from, void* to, std::size_t count, ncclDataType_t, int root, ncclComm_t,
                           cudaStream_t);
ncclResult_t ncclSend(const void* from, std::size_t count, ncclDataType_t, int peer, ncclComm_t, cudaStream_t);
ncclResult_t ncclRecv(void* to, std::size_t count, ncclDataType_t, int peer, ncclComm_t, cudaStream_t);

namespace scalebench::shim {

// What goes wrong on this rank from now on.
enum class NcclFault {
  none,
  other_version,
  lonely,       // nobody else comes: no communicator is ever made
  unanswered,   // an operation begins and never ends
  lost,         // so, and NCCL notices
  stuck_abort,  // an operation never ends, and its abort doesn't either
  no_windows,   // none is made, as where GPUs can't read each other's memory
  no_registry,  // nor is memory registered otherwise
  no_memory,    // none is given
};
void fail_nccl_with(NcclFault fault);

// What the log says of connections from now on: "SHM/direct/direct".
void connect_nccl_via(const char* way);

struct NcclCounts {
  int made, split, aborted, alive;
  int launches;                    // of kernels: one for all operations of a group on one communicator
  int most_ctas;                   // that the last communicator may use; INT_MIN: NCCL's own choice
  int memories, handles, windows;  // that are there
  int freed_too_early;             // memory, or a communicator, that was still registered
};
NcclCounts nccl_counts();
// As if nothing was there: no operation does anything, so that calls can be timed.
void do_nothing_in_nccl(bool on);

}  // namespace scalebench::shim
