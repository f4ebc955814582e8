// A communicator of one rank alone, on a GPU: at most a copy.
#pragma once

#include <memory>
#include <string>

#include "base/cuda/times.hpp"
#include "collectives/communicator.hpp"

namespace scalebench {

std::unique_ptr<Communicator> make_communicator_alone(Witness& witness, CudaTimes& times, Group group, int rank,
                                                      const std::string& name);

}  // namespace scalebench
