// Copies between pinned memory of the host and a GPU's, by its copy engines.
#pragma once

#include <memory>
#include <string>

#include "base/cuda/times.hpp"
#include "kernels/copies.hpp"

namespace scalebench {

// `times` must outlive it.
std::unique_ptr<Copies> make_cuda_copies(Witness& witness, CudaTimes& times, const std::string& lane);

}  // namespace scalebench
