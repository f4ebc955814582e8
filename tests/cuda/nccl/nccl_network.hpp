// GPUs over NCCL, on the stand-ins for both, for the tests of communicators.
#pragma once

#include "app/backend.hpp"
#include "base/cuda/times.hpp"
#include "collectives/nccl/memory.hpp"
#include "collectives/nccl/network.hpp"
#include "kernels/cuda/device.hpp"

namespace scalebench::test {

inline NcclMemory& tested_memory() {
  static NcclMemory memory(std::size_t{1} << 20);
  return memory;
}

// limit: s, that anything may take that needs other ranks.
inline Backend make_nccl_backend(MpiSession& session, const ParallelPlan& plan, double limit = 120,
                                 NcclMemory& memory = tested_memory()) {
  static CudaTimes times(monotonic_seconds);
  Backend backend{.witness = std::make_unique<Witness>()};
  backend.device = make_cuda_device(*backend.witness, times, Graphs::yes, &memory);
  backend.network = std::make_unique<NcclNetwork>(session, times, limit, &memory);
  backend.mesh = std::make_unique<Mesh>(*backend.network, *backend.witness, backend.device->lane(), plan);
  backend.repeated.reset(backend.device.get());
  return backend;
}

}  // namespace scalebench::test
