// What the stand-in for NCCL knows of memory: what it gave, and what is registered with which communicator.
#pragma once

#include <nccl.h>

namespace scalebench::shim {

ncclResult_t take_memory(void** place, std::size_t bytes);
bool give_memory_back(void* place);  // whether it was still registered

// Null where the memory is not all within one that NCCL gave; of handles it may be any.
ncclWindow_t new_window(ncclComm_t comm, void* place, std::size_t bytes);
void* new_handle(ncclComm_t comm, void* place, std::size_t bytes);
bool drop_window(ncclComm_t comm, ncclWindow_t window);  // whether it was there
bool drop_handle(ncclComm_t comm, void* handle);
bool forget(ncclComm_t comm);  // whether anything was still registered with it

struct Registered {
  int memories, handles, windows;
};
Registered registered();

}  // namespace scalebench::shim
