// The measured peak: the best matrix product of a precision on this device, all ranks of the point computing at once.
#pragma once

#include "collectives/control.hpp"
#include "kernels/device.hpp"

namespace scalebench {

double gemm_peak(Device& device, DType dtype, Control& control, const Group& group);  // FLOP/s of this rank

}  // namespace scalebench
