// GPUs over NCCL, on the stand-ins for both, for the tests of communicators.
#pragma once

#include "app/backend.hpp"
#include "base/cuda/times.hpp"
#include "collectives/nccl/network.hpp"
#include "kernels/cuda/device.hpp"

namespace scalebench::test {

// Stages of a pipeline post what they receive before they send, on another stream; the stand-in's calls block.
inline constexpr bool kReceivesAhead = false;

// limit: s, that anything may take that needs other ranks.
inline Backend make_tested_backend(MpiSession& session, const ParallelPlan& plan, double limit = 120) {
  static CudaTimes times(monotonic_seconds);
  Backend backend{.witness = std::make_unique<Witness>()};
  backend.device = make_cuda_device(*backend.witness, times, Graphs::yes);
  backend.network = std::make_unique<NcclNetwork>(session, times, limit);
  backend.mesh = std::make_unique<Mesh>(*backend.network, *backend.witness, backend.device->lane(), plan);
  return backend;
}

}  // namespace scalebench::test
