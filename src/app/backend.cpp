#include "app/backend.hpp"

#include "collectives/mpi/communicator.hpp"
#include "collectives/sim/communicator.hpp"
#include "kernels/cpu/device.hpp"
#include "kernels/sim/device.hpp"

namespace scalebench {

namespace {

void add_mesh(Backend& backend, const ParallelPlan& plan) {
  backend.mesh = std::make_unique<Mesh>(*backend.network, *backend.witness, backend.device->lane(), plan);
  backend.repeated.reset(backend.device.get());
}

}  // namespace

Backend make_cpu_backend(MpiSession& session, int threads, Waiting waiting, const ParallelPlan& plan) {
  Backend backend{.witness = std::make_unique<Witness>()};
  backend.device = std::make_unique<CpuDevice>(*backend.witness, threads);
  backend.network = std::make_unique<MpiNetwork>(session, *backend.witness, waiting);
  add_mesh(backend, plan);
  return backend;
}

Backend make_gpu_backend(GpuPair& pair, MpiSession& session, Waiting waiting, const ParallelPlan& plan) {
  Backend backend{.witness = std::make_unique<Witness>()};
  backend.device = pair.make_device(*backend.witness);
  backend.network = pair.make_network(session, *backend.witness, waiting);
  add_mesh(backend, plan);
  return backend;
}

OpenBackend opener_of(const Hardware& hardware) {
  if (!hardware.pair) return make_cpu_backend;
  return [&pair = *hardware.pair](MpiSession& session, int, Waiting waiting, const ParallelPlan& plan) {
    return make_gpu_backend(pair, session, waiting, plan);
  };
}

Backend make_sim_backend(int rank, const ParallelPlan& plan, const std::optional<GpuKind>& gpu) {
  Backend backend{.witness = std::make_unique<Witness>([] { return 0.0; })};
  backend.device = std::make_unique<SimDevice>(*backend.witness, gpu);
  backend.network = std::make_unique<SimNetwork>(rank, plan.ranks());
  add_mesh(backend, plan);
  return backend;
}

}  // namespace scalebench
