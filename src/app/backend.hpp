// The pairs: which device and which network a world is made of. One line a backend.
#pragma once

#include <memory>

#include "collectives/mpi/session.hpp"
#include "workloads/workload.hpp"

namespace scalebench {

// One rank's world, owned. Destroyed in the reverse order: mesh, network, device, witness.
struct Backend {
  std::unique_ptr<Witness> witness{};
  std::unique_ptr<Device> device{};
  std::unique_ptr<Network> network{};
  std::unique_ptr<Mesh> mesh{};
  World world() const { return {*witness, *device, *mesh}; }
};

// The first plan.ranks() ranks of the job take part.
Backend make_cpu_backend(MpiSession& session, int threads, Waiting waiting, const ParallelPlan& plan);
Backend make_sim_backend(int rank, const ParallelPlan& plan);

}  // namespace scalebench
