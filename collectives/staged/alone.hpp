// Collectives among one rank alone, in a GPU's memory: at most a copy.
#pragma once

#include <cuda_runtime.h>

#include "collectives/collective.hpp"

namespace scalebench {

void copy_alone(const AllReduce& op, cudaStream_t stream);
void copy_alone(const AllGather& op, cudaStream_t stream);
void copy_alone(const ReduceScatter& op, cudaStream_t stream);
void copy_alone(const Broadcast& op, cudaStream_t stream);
void copy_alone(const Send& op, cudaStream_t stream);  // throws: there is nobody
void copy_alone(const Receive& op, cudaStream_t stream);

}  // namespace scalebench
