// A stand-in for NCCL's header: the calls that collectives/nccl makes, over MPI, on the host memory of the stand-in for
// CUDA. An operation is done when it is issued; making a communicator takes a few looks, as with `blocking` 0.
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
enum ncclDataType_t { ncclInt8, ncclInt32, ncclFloat32, ncclBfloat16 };
using ncclComm_t = struct ncclComm*;
struct ncclUniqueId {
  char internal[128];
};
struct ncclConfig_t {
  int blocking;
};
#define NCCL_CONFIG_INITIALIZER \
  { INT_MIN }

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
};
void fail_nccl_with(NcclFault fault);

// What the log says of connections from now on: "SHM/direct/direct".
void connect_nccl_via(const char* way);

struct NcclCounts {
  int made, split, aborted, alive;
};
NcclCounts nccl_counts();

}  // namespace scalebench::shim
