// What NCCL and a profiler say to each other, as far as it is used here: the binary layout of versions 4 (NCCL 2.27)
// and 5 (2.28 and later), from NVIDIA/nccl v2.28.9-1, src/include/plugin/profiler/profiler_v{4,5}.h and
// nccl_profiler.h, which are not among NCCL's installed headers.
#pragma once

#include <cstddef>
#include <cstdint>

namespace scalebench::nccl_profiler {

enum : int { kCollective = 1 << 1, kPointToPoint = 1 << 2 };  // kinds of events, and bits of what a profiler wants

struct Collective {
  std::uint64_t number;
  const char* function;  // "AllReduce"
  const void* input;
  void* output;
  std::size_t count;  // of `type`; of AllGather the input's, of ReduceScatter the output's
  int root;
  const char* type;  // "ncclFloat32"; of AllGather and Broadcast always "ncclInt8"
  std::uint8_t channels, warps;
  const char *algorithm, *protocol;  // "RING", "LL128"
};

struct PointToPoint {
  const char* function;  // "Send"
  void* buffer;
  const char* type;
  std::size_t count;
  int peer;
  std::uint8_t channels;
};

template <class Kind>
struct Event {
  Kind kind;
  void* parent;
  int rank;
  union {
    Collective collective;
    PointToPoint point_to_point;
  };
};
using Event4 = Event<std::uint8_t>;
using Event5 = Event<std::uint64_t>;
static_assert(offsetof(Event4, collective) == 24 && offsetof(Event5, collective) == 24);
static_assert(offsetof(Collective, count) == 32 && offsetof(Collective, channels) == 56);
static_assert(offsetof(Collective, algorithm) == 64 && offsetof(Collective, protocol) == 72);
static_assert(offsetof(PointToPoint, count) == 24 && offsetof(PointToPoint, channels) == 36);

// Results are of ncclResult_t: 0 is success. A context belongs to a communicator; null would not be handed back. An
// event whose handle is null is not heard of again.
struct Profiler4 {
  const char* name;
  int (*init)(void** context, int* wanted, const char* comm_name, std::uint64_t comm, int nodes, int ranks, int rank,
              void (*log)());
  int (*start)(void* context, void** handle, const Event4* event);
  int (*stop)(void* handle);
  int (*state)(void* handle, int state, const void* arguments);
  int (*finalize)(void* context);
};

struct Profiler5 {
  const char* name;
  int (*init)(void** context, std::uint64_t comm, int* wanted, const char* comm_name, int nodes, int ranks, int rank,
              void (*log)());
  int (*start)(void* context, void** handle, const Event5* event);
  int (*stop)(void* handle);
  int (*state)(void* handle, int state, const void* arguments);
  int (*finalize)(void* context);
};

}  // namespace scalebench::nccl_profiler
