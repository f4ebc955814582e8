#include "tests/bench/bare_all_reduce.hpp"

#include <mpi.h>

namespace scalebench::bench {

struct BareAllReduce::Communicator {
  MPI_Comm handle = MPI_COMM_NULL;
};

BareAllReduce::BareAllReduce() : communicator_(std::make_unique<Communicator>()) {
  MPI_Comm_dup(MPI_COMM_WORLD, &communicator_->handle);
}
BareAllReduce::~BareAllReduce() { MPI_Comm_free(&communicator_->handle); }

void BareAllReduce::run(const std::byte* input, std::byte* output, std::int64_t count) {
  MPI_Allreduce(input, output, static_cast<int>(count), MPI_FLOAT, MPI_SUM, communicator_->handle);
}

void BareAllReduce::barrier() { MPI_Barrier(communicator_->handle); }

}  // namespace scalebench::bench
