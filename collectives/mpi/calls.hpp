// Each collective as an MPI call: blocking, or started and tested later. In place where the operands say so.
#pragma once

#include <mpi.h>

#include "collectives/collective.hpp"

namespace scalebench {

// request null: blocks. Throws where MPI refuses, or where a count is beyond MPI's int.
void call_mpi(const AllReduce& op, MPI_Comm comm, MPI_Request* request);
void call_mpi(const AllGather& op, MPI_Comm comm, MPI_Request* request);
void call_mpi(const ReduceScatter& op, MPI_Comm comm, MPI_Request* request);
void call_mpi(const Broadcast& op, MPI_Comm comm, MPI_Request* request);
void call_mpi(const Send& op, MPI_Comm comm, MPI_Request* request);
void call_mpi(const Receive& op, MPI_Comm comm, MPI_Request* request);

// The same among one rank alone: at most a copy.
void call_alone(const AllReduce& op);
void call_alone(const AllGather& op);
void call_alone(const ReduceScatter& op);
void call_alone(const Broadcast& op);
void call_alone(const Send& op);  // throws: there is nobody
void call_alone(const Receive& op);

}  // namespace scalebench
