// The pairs: which device and which network a world is made of. One line a backend.
#pragma once

#include <functional>
#include <memory>
#include <optional>

#include "app/gpu/choose.hpp"
#include "collectives/mpi/session.hpp"
#include "kernels/workspace.hpp"
#include "workloads/workload.hpp"

namespace scalebench {

struct ForgetRepeated {
  void operator()(Device* device) const { device->forget_repeated(); }
};

// One rank's world, owned. Destroyed in the reverse order: what the device repeats, mesh, network, device, witness.
struct Backend {
  std::unique_ptr<Witness> witness{};
  std::unique_ptr<Device> device{};
  std::unique_ptr<Network> network{};
  std::unique_ptr<Mesh> mesh{};
  std::unique_ptr<Device, ForgetRepeated> repeated{};  // graphs keep the mesh's communicators from ending
  World world() const { return {*witness, *device, *mesh}; }
};

// What makes worlds in one job: by which device and which network.
using OpenBackend = std::function<Backend(MpiSession&, int threads, Waiting, const ParallelPlan&)>;

// The first plan.ranks() ranks of the job take part.
Backend make_cpu_backend(MpiSession& session, int threads, Waiting waiting, const ParallelPlan& plan);
Backend make_gpu_backend(GpuPair& pair, MpiSession& session, Waiting waiting, const ParallelPlan& plan);
// On the GPU, or else the CPU.
OpenBackend opener_of(const Hardware& hardware);
Backend make_sim_backend(int rank, const ParallelPlan& plan, const std::optional<GpuKind>& gpu = {});

}  // namespace scalebench
