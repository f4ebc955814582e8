#include "collectives/nccl/handle.hpp"

#include <chrono>
#include <exception>
#include <thread>
#include <utility>

#include "base/clock.hpp"
#include "collectives/mpi/session.hpp"

namespace scalebench {

namespace {

constexpr auto kAbortLimit = std::chrono::seconds(5);

ncclConfig_t config_of(int blocking, int ctas) {
  ncclConfig_t config = NCCL_CONFIG_INITIALIZER;
  config.blocking = blocking;
  if (ctas > 0) config.maxCTAs = ctas;
  return config;
}

}  // namespace

Exit exit_of(ncclResult_t result) {
  const bool lost = result == ncclRemoteError || result == ncclSystemError || result == ncclInternalError;
  return lost ? Exit::peer_lost : Exit::unfit;
}

Error error_of(ncclResult_t result, const std::string& what, ncclComm_t comm) {
  const Exit exit = exit_of(result);
  return {exit, fmt::format("{} failed: {} ({}) {}", what, ncclGetErrorString(result), ncclGetLastError(comm),
                            exit == Exit::peer_lost
                                ? "see the messages of the other ranks: one of them is gone, or cannot be reached"
                                : "each rank needs a GPU of its own; NCCL_DEBUG=WARN says more")};
}

NcclHandle::NcclHandle(const ncclUniqueId& id, int size, int rank, Terms terms) : terms_(std::move(terms)) {
  ncclConfig_t config = config_of(0, 0);
  finish(ncclCommInitRankConfig(&comm_, size, id, rank, &config), "ncclCommInitRankConfig");
}

NcclHandle::NcclHandle(NcclHandle& parent, int rank, Terms terms) : terms_(std::move(terms)) {
  ncclConfig_t config = config_of(1, terms_.ctas);
  parent.finish(ncclCommSplit(parent.get(), 0, rank, &comm_, &config), "ncclCommSplit for " + terms_.who);
}

NcclHandle::~NcclHandle() {
  if (comm_ == nullptr) return;
  if (std::uncaught_exceptions() > 0) {
    abort();
    return;
  }
  ncclResult_t state = ncclCommFinalize(comm_);
  const double began = monotonic_seconds();
  for (Pause pause(Waiting::patient); state == ncclInProgress && monotonic_seconds() - began < terms_.limit; pause())
    state = this->state();
  if (state == ncclSuccess)
    ncclCommDestroy(comm_);
  else
    abort();
}

ncclResult_t NcclHandle::state() const {
  if (comm_ == nullptr) return ncclSuccess;
  ncclResult_t state = ncclSuccess;
  const ncclResult_t asked = ncclCommGetAsyncError(comm_, &state);
  return asked == ncclSuccess ? state : asked;
}

void NcclHandle::finish(ncclResult_t result, std::string_view call) {
  const double began = monotonic_seconds();
  for (Pause pause(Waiting::patient); result == ncclInProgress; pause()) {
    result = state();
    if (result != ncclInProgress || monotonic_seconds() - began < terms_.limit) continue;
    abort();
    fail(Exit::timeout, "{}: {} has not finished after {:g} s (a rank of the group is gone or cannot be reached) {}",
         terms_.who, call, terms_.limit, "see the messages of the other ranks; NCCL_DEBUG=INFO shows the connections");
  }
  if (result == ncclSuccess) return;
  const Error error = error_of(result, fmt::format("{}: {}", terms_.who, call), comm_);
  abort();
  throw error;
}

// In a thread of its own, since it may hang itself (nccl#549, #1013, #1777).
std::future<void> NcclHandle::begin_abort() {
  std::packaged_task<void()> work([comm = std::exchange(comm_, nullptr)] {
    if (comm != nullptr) ncclCommAbort(comm);
  });
  std::future<void> done = work.get_future();
  std::thread(std::move(work)).detach();
  return done;
}

void NcclHandle::abort() { begin_abort().wait_for(kAbortLimit); }

void NcclHandle::abort(const std::vector<NcclHandle*>& handles) {
  std::vector<std::future<void>> under_way;
  for (NcclHandle* const handle : handles) under_way.push_back(handle->begin_abort());
  const auto limit = std::chrono::steady_clock::now() + kAbortLimit;
  for (const std::future<void>& one : under_way) one.wait_until(limit);
}

}  // namespace scalebench
