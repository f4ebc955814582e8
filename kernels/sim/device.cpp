#include "kernels/sim/device.hpp"

namespace scalebench {

SimDevice::SimDevice(Witness& witness)
    : ImplementedBy<SimDevice, Device>(witness), lane_(witness, LaneKind::compute, "compute") {}

}  // namespace scalebench
