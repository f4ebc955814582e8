// How the ranks of a group come together before NCCL can connect them: over MPI, within a time limit.
#pragma once

#include <cstdint>
#include <functional>
#include <string>

#include <nccl.h>

#include "collectives/group.hpp"
#include "collectives/mpi/session.hpp"

namespace scalebench {

// All ranks of the group call it: the id of the first one. Throws on all of them where their versions of NCCL differ,
// and where somebody has not come after `limit` seconds. `who` begins the messages.
ncclUniqueId invite(MpiSession& session, const Group& group, const std::string& who, double limit);

// Whether all ranks of the group bring the same number. `meanwhile` is called while others are waited for.
bool agree(MpiSession& session, const Group& group, const std::string& who, double limit, std::uint64_t number,
           const std::function<void()>& meanwhile);

std::string nccl_version(int version);  // "2.28.9"

}  // namespace scalebench
