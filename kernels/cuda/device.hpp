// A GPU as a device: operations are launched on a stream, in their order, and the host goes on.
#pragma once

#include <memory>

#include "kernels/device.hpp"

namespace scalebench {

class CudaMemory;
class CudaTimes;

// Whether a repeated step becomes a CUDA graph: only where all that it issues goes on streams, none through the host.
enum class Graphs : bool { no, yes };

// Of the calling thread's current GPU. `times` must outlive it, and so must `memory`; null: cudaMalloc's.
std::unique_ptr<Device> make_cuda_device(Witness& witness, CudaTimes& times, Graphs graphs,
                                         CudaMemory* memory = nullptr);

}  // namespace scalebench
