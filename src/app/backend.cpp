#include "app/backend.hpp"

#include "collectives/mpi/communicator.hpp"
#include "collectives/sim/communicator.hpp"
#include "kernels/cpu/device.hpp"
#include "kernels/sim/device.hpp"

namespace scalebench {

namespace {

void add_mesh(Backend& backend, const ParallelPlan& plan) {
  backend.mesh = std::make_unique<Mesh>(*backend.network, *backend.witness, backend.device->lane(), plan);
}

}  // namespace

Backend make_cpu_backend(MpiSession& session, int threads, Waiting waiting, const ParallelPlan& plan) {
  Backend backend{.witness = std::make_unique<Witness>()};
  backend.device = std::make_unique<CpuDevice>(*backend.witness, threads);
  backend.network = std::make_unique<MpiNetwork>(session, *backend.witness, waiting);
  add_mesh(backend, plan);
  return backend;
}

Backend make_sim_backend(int rank, const ParallelPlan& plan) {
  Backend backend{.witness = std::make_unique<Witness>([] { return 0.0; })};
  backend.device = std::make_unique<SimDevice>(*backend.witness);
  backend.network = std::make_unique<SimNetwork>(rank, plan.ranks());
  add_mesh(backend, plan);
  return backend;
}

}  // namespace scalebench
