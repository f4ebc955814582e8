#include "tests/cuda/shim/nccl_registry.hpp"

#include <algorithm>
#include <mutex>
#include <vector>

struct ncclWindow {
  ncclComm_t comm;
  std::byte* place;
  std::size_t bytes;
};

namespace scalebench::shim {

namespace {

struct Memory {
  std::byte* place;
  std::size_t bytes;
};
std::mutex lock;  // an abort comes from a thread of its own
std::vector<Memory> memories;
std::vector<ncclWindow*> handles, windows;

ncclWindow* add(std::vector<ncclWindow*>& to, ncclComm_t comm, void* place, std::size_t bytes) {
  return to.emplace_back(new ncclWindow{comm, static_cast<std::byte*>(place), bytes});
}

bool drop(std::vector<ncclWindow*>& from, ncclComm_t comm, void* which) {
  const std::lock_guard held(lock);
  const auto found = std::ranges::find(from, static_cast<ncclWindow*>(which));
  if (found == from.end() || (*found)->comm != comm) return false;
  delete *found;
  from.erase(found);
  return true;
}

}  // namespace

ncclResult_t take_memory(void** place, std::size_t bytes) {
  if (cudaMalloc(place, bytes) != cudaSuccess) return ncclUnhandledCudaError;
  const std::lock_guard held(lock);
  memories.push_back({static_cast<std::byte*>(*place), bytes});
  return ncclSuccess;
}

bool give_memory_back(void* place) {
  const auto here = [&](const ncclWindow* one) {
    return one->place >= place && std::ranges::any_of(memories, [&](const Memory& m) {
             return m.place == place && one->place < m.place + m.bytes;
           });
  };
  const std::lock_guard held(lock);
  const bool used = std::ranges::any_of(windows, here) || std::ranges::any_of(handles, here);
  std::erase_if(memories, [&](const Memory& m) { return m.place == place; });
  cudaFree(place);
  return used;
}

ncclWindow_t new_window(ncclComm_t comm, void* place, std::size_t bytes) {
  const std::lock_guard held(lock);
  auto* const begin = static_cast<std::byte*>(place);
  const bool given = std::ranges::any_of(
      memories, [&](const Memory& m) { return begin >= m.place && begin + bytes <= m.place + m.bytes; });
  return given ? add(windows, comm, place, bytes) : nullptr;
}

void* new_handle(ncclComm_t comm, void* place, std::size_t bytes) {
  const std::lock_guard held(lock);
  return add(handles, comm, place, bytes);
}

bool drop_window(ncclComm_t comm, ncclWindow_t window) { return drop(windows, comm, window); }
bool drop_handle(ncclComm_t comm, void* handle) { return drop(handles, comm, handle); }

bool forget(ncclComm_t comm) {
  const std::lock_guard held(lock);
  const auto its = [&](const ncclWindow* one) { return one->comm == comm; };
  return std::erase_if(windows, its) + std::erase_if(handles, its) > 0;
}

Registered registered() {
  const std::lock_guard held(lock);
  return {static_cast<int>(memories.size()), static_cast<int>(handles.size()), static_cast<int>(windows.size())};
}

}  // namespace scalebench::shim
