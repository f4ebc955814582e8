// GPUs over MPI through host memory, on the stand-in for CUDA, for the tests of communicators.
#pragma once

#include "app/backend.hpp"
#include "base/cuda/times.hpp"
#include "collectives/mpi/communicator.hpp"
#include "collectives/staged/network.hpp"
#include "kernels/cuda/device.hpp"

namespace scalebench::test {

inline Backend make_staged_backend(MpiSession& session, const ParallelPlan& plan,
                                   GpuMemory memory = GpuMemory::staged) {
  static CudaTimes times(monotonic_seconds);
  Backend backend{.witness = std::make_unique<Witness>()};
  backend.device = make_cuda_device(*backend.witness, times, Graphs::no);
  backend.network = std::make_unique<StagedNetwork>(
      std::make_unique<MpiNetwork>(session, *backend.witness, Waiting::patient), times, memory);
  backend.mesh = std::make_unique<Mesh>(*backend.network, *backend.witness, backend.device->lane(), plan);
  backend.repeated.reset(backend.device.get());
  return backend;
}

}  // namespace scalebench::test
