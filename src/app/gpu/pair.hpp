// The CUDA + NCCL pair as the program sees it. It lives in a module, scalebench_cuda.so beside the program, that is
// opened where a GPU is used: its libraries take 91 MB and 0.1 s of every process.
#pragma once

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "collectives/communicator.hpp"
#include "collectives/mpi/session.hpp"
#include "kernels/device.hpp"
#include "kernels/workspace.hpp"

namespace scalebench {

// How NCCL works for this rank, as far as it has shown so far.
struct NcclUse {
  std::vector<std::string> transports{};  // best first: nvlink, pcie, shm, ib, socket, or a plugin's network
  std::string unreadable{};               // why they are unknown; "" where they are known
  std::vector<std::string> operations{};  // as nccl_operations() of collectives/nccl/profiler.hpp
  std::string registered{};               // bytes of this rank's memory, at most with one communicator; "0 (why)"
};

// One GPU of this process, and what makes worlds on it. Outlives them.
class GpuPair {
 public:
  virtual ~GpuPair() = default;
  virtual std::unique_ptr<Device> make_device(Witness& witness) = 0;
  virtual std::unique_ptr<Network> make_network(MpiSession& session, Witness& witness, Waiting waiting) = 0;
  virtual NcclUse nccl_use() const = 0;
  // s that the host waits for the GPU at most before an operation between ranks is given up, and named.
  virtual void be_patient(double seconds) = 0;
  virtual double free_memory() const = 0;  // bytes of the GPU, now
  virtual GpuKind kind() const = 0;
  virtual std::vector<std::pair<std::string, std::string>> versions() const = 0;  // {"cublas", "13.1.0"}, ...
  // Which of several kernels was chosen by measurement so far, a line for each shape.
  virtual std::vector<std::string> choices() const = 0;
};

struct GpuPairSettings {
  int gpu = 0;            // CUDA's number of it
  bool over_mpi = false;  // communicates by MPI, through the host's memory
};

// The functions of the module: scalebench_make_gpu_pair, which throws Error(unfit) where the GPU cannot be used;
// scalebench_cuda_version: what the module was built with, 13000 for 13.0; a driver must bring as much; and
// scalebench_build: the git hash of the program that it belongs to, since both know each other's classes.
extern "C" {
using MakeGpuPair = GpuPair*(const GpuPairSettings&);
using CudaVersionOfModule = int();
using BuildOfModule = const char*();
}

}  // namespace scalebench
