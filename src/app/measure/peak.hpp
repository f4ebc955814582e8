// The measured peak: the best matrix product of a precision on this device, all ranks of the point computing at once.
#pragma once

#include "collectives/control.hpp"
#include "kernels/device.hpp"
#include "spec/plan.hpp"

namespace scalebench {

// The bandwidth at which a rank reads that many bytes, which no cache may hold, as elements of `dtype`: B/s; all ranks
// of the point at once.
double read_bandwidth(Device& device, DType dtype, std::int64_t bytes, Control& control, const Group& group);

// FLOP/s of this rank in the best product of matrices of `dtype` that are multiplied so.
double gemm_peak(Device& device, DType dtype, Products products, Control& control, const Group& group);

}  // namespace scalebench
