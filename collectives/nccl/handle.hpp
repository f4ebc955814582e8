// One communicator of NCCL's: made within a time limit, destroyed, or aborted where an operation will never end.
#pragma once

#include <future>
#include <string>
#include <string_view>
#include <vector>

#include <nccl.h>

#include "base/check.hpp"

namespace scalebench {

class NcclHandle {
 public:
  // Who this is, for messages ("rank 3 (node2): all_gather communicator of ranks 0, 1, .. 7"), and how long it may take
  // (s) to be made.
  struct Terms {
    std::string who;
    double limit;
    int ctas = 0;  // of the GPU's multiprocessors at most; 0: as NCCL sees fit
  };

  // Among all that hold the same id. It carries no operations: they are of communicators that are split from it. It
  // does not block, so that making it and splitting it can be given up; but each operation of such a one would start a
  // thread of NCCL's, so that those which are split from it do block.
  NcclHandle(const ncclUniqueId& id, int size, int rank, Terms terms);
  NcclHandle(NcclHandle& parent, int rank, Terms terms);
  ~NcclHandle();
  NcclHandle(const NcclHandle&) = delete;
  NcclHandle& operator=(const NcclHandle&) = delete;

  ncclComm_t get() const { return comm_; }
  const std::string& who() const { return terms_.who; }
  // Of operations under way: ncclSuccess, or why they will never end.
  ncclResult_t state() const;
  // Throws, after an abort, where a call failed; one that is still in progress is waited for.
  void finish(ncclResult_t result, std::string_view call);
  // Ends all operations under way: from then on it does nothing.
  void abort();
  static void abort(const std::vector<NcclHandle*>& handles);  // together: some end only when others do

 private:
  std::future<void> begin_abort();

  Terms terms_;
  ncclComm_t comm_{};
};

// Whether it is the other ranks' or the network's: else it is of this rank.
Exit exit_of(ncclResult_t result);
// An error of NCCL's as one of ours. `comm` null: of no communicator.
Error error_of(ncclResult_t result, const std::string& what, ncclComm_t comm);

}  // namespace scalebench
