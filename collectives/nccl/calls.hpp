// Each collective as a call of NCCL's on a stream. In place where the operands say so.
#pragma once

#include <nccl.h>

#include "collectives/collective.hpp"

namespace scalebench {

ncclResult_t call_nccl(const AllReduce& op, ncclComm_t comm, cudaStream_t stream);
ncclResult_t call_nccl(const AllGather& op, ncclComm_t comm, cudaStream_t stream);
ncclResult_t call_nccl(const ReduceScatter& op, ncclComm_t comm, cudaStream_t stream);
ncclResult_t call_nccl(const Broadcast& op, ncclComm_t comm, cudaStream_t stream);
ncclResult_t call_nccl(const Send& op, ncclComm_t comm, cudaStream_t stream);
ncclResult_t call_nccl(const Receive& op, ncclComm_t comm, cudaStream_t stream);

}  // namespace scalebench
