// What a job computes with: the CPU, or a GPU a rank. Decided by all ranks together.
#pragma once

#include <string>
#include <vector>

#include "app/gpu/pair.hpp"
#include "app/gpu/watch.hpp"
#include "app/options/options.hpp"
#include "collectives/control.hpp"

namespace scalebench {

struct Hardware {
  Comm comm = Comm::mpi;
  std::string reason{};                   // why it is the CPU, where it was not asked for
  bool surprising = false;                // GPUs are seen, or this program was built for them, and yet it is the CPU
  std::string name{};                     // of this rank's GPU
  std::string id{};                       // "host GPU-uuid": tells it from all others of the job
  std::vector<std::string> warnings{};    // for rank 0 to say
  std::vector<std::string> gpus{};        // "host GPU-uuid NVIDIA H200" of every rank
  std::unique_ptr<GpuPair> pair{};        // of this rank's GPU; null: the CPU
  std::unique_ptr<GpuWatch> watch{};      // its sensors; null: there are none
  std::string sensors_absent{};           // why
  std::vector<std::string> affinities{};  // on rank 0: where each rank runs, and where its GPU is
};

// By all ranks. Throws AgreedError where --device cuda cannot be had, or where the GPUs that there are cannot be used.
Hardware choose_hardware(const Options& options, Control& control);

// Bytes that this rank may take of its GPU now, which it may share with others of the first `ranks`: what libraries and
// the driver need stays free.
double memory_of(const Hardware& hardware, int ranks);

// Of CUDA's number, what a rank takes where its node has `gpus` of them.
int gpu_of_rank(int rank_on_node, int gpus);

}  // namespace scalebench
