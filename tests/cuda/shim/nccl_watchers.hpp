// Who watches the stand-in for NCCL: a profiler, found and called as NCCL 2.28 does it, and a reader of its log.
#pragma once

#include <nccl.h>

namespace scalebench::shim {

struct Watched {
  const char* function;
  std::size_t count;
  ncclDataType_t type;
};

// Of a communicator.
class Watchers {
 public:
  void begin(int ranks, int rank);
  void tell(const Watched& what);
  void end();

 private:
  void* context_{};
  int wanted_ = 0;
};

}  // namespace scalebench::shim
