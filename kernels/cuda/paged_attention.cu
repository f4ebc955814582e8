#include "kernels/cuda/compute.hpp"
#include "kernels/cuda/context.hpp"
#include "kernels/cuda/paged_attention.cuh"
#include "kernels/cuda/paged_attention.hpp"

namespace scalebench::cuda {

namespace {

void check(const PagedAttention& op) {
  const Tensor &query = op.query, &keys = op.key_cache, &values = op.value_cache;
  need(query.rank() == 3 && keys.rank() == 4 && keys.dim(1) > 0 && query.dim(1) % keys.dim(1) == 0 &&
           query.dim(2) == keys.dim(3) && query.stride(2) == 1 && keys.stride(3) == 1 && op.window >= 0 &&
           query.dim(2) <= paged::kMostSize,
       query, "attends to no cache of such keys");
  need(values.rank() == 4 && values.dtype() == keys.dtype() && values.dim(0) == keys.dim(0) &&
           values.dim(1) == keys.dim(1) && values.dim(2) == keys.dim(2) && values.dim(3) == keys.dim(3) &&
           values.stride(3) == 1,
       values, "is no cache of values beside that of the keys");
  need(op.output.dtype() == query.dtype() && op.output.dim(0) == query.dim(0) && op.output.dim(1) == query.dim(1) &&
           op.output.dim(2) == query.dim(2) && op.output.stride(2) == 1,
       op.output, "is not like the query");
  need(op.starts.count() == op.lengths.count() + 1 && op.blocks.rows() == op.lengths.count(), op.blocks,
       "is not the table of as many sequences");
}

}  // namespace

void compute(const PagedAttention& op, CudaContext& context) {
  check(op);
  if (op.query.dim(0) == 0) return;
  if (op.most_rows != 1) paged::attend_to_many(op, context);
  paged::attend_to_ones(op, context);
}

}  // namespace scalebench::cuda
