// The measured peak: the best matrix product of a precision on this device, all ranks of the point computing at once.
#pragma once

#include "collectives/control.hpp"
#include "kernels/device.hpp"

namespace scalebench {

// The bandwidth at which a rank reads memory that no cache holds, B/s; all ranks of the point at once.
double read_bandwidth(Device& device, Control& control, const Group& group);

double gemm_peak(Device& device, DType dtype, Control& control, const Group& group);  // FLOP/s of this rank

}  // namespace scalebench
