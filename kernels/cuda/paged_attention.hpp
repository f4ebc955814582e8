// The two kinds of rows of paged attention: each leaves the other's sequences alone.
#pragma once

#include "kernels/ops.hpp"

namespace scalebench::cuda {

class CudaContext;

namespace paged {

void attend_to_ones(const PagedAttention& op, CudaContext& context);  // sequences of one row
void attend_to_many(const PagedAttention& op, CudaContext& context);

}  // namespace paged

}  // namespace scalebench::cuda
