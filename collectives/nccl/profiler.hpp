// A profiler of NCCL's that notes the algorithm, the protocol and the channels of each operation: NCCL has no other way
// to ask for them.
#pragma once

#include <string>
#include <vector>

namespace scalebench {

// Lets NCCL find it, in this module, unless the user has chosen a profiler. Before the first communicator.
void offer_nccl_profiler();

// What this process did so far: "AllReduce 1048576 RING LL128 16 37" is 37 of them on 16 channels, each of more than
// half a MiB to one MiB (S as nccl-tests defines it). Of Send and Recv NCCL names neither algorithm nor protocol: "-".
// In a captured graph an operation counts once, or at each replay where NCCL's own threads take part.
std::vector<std::string> nccl_operations();

}  // namespace scalebench
