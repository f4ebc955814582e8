// A GPU as a device: operations are launched on a stream, in their order, and the host goes on.
#pragma once

#include <memory>

#include "kernels/device.hpp"

namespace scalebench {

class CudaTimes;

// Of the calling thread's current GPU. `times` must outlive it.
std::unique_ptr<Device> make_cuda_device(Witness& witness, CudaTimes& times);

}  // namespace scalebench
