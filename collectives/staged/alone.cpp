#include "collectives/staged/alone.hpp"

#include "base/check.hpp"
#include "base/cuda/check.hpp"

namespace scalebench {

namespace {

void copy_unless_in_place(const Tensor& from, const Tensor& to, cudaStream_t stream) {
  if (from.same_place(to)) return;
  check_cuda(cudaMemcpyAsync(to.address(), from.address(), from.bytes(), cudaMemcpyDeviceToDevice, stream),
             "cudaMemcpyAsync");
}

}  // namespace

void copy_alone(const AllReduce& op, cudaStream_t stream) { copy_unless_in_place(op.input, op.output, stream); }
void copy_alone(const AllGather& op, cudaStream_t stream) { copy_unless_in_place(op.shard, op.full, stream); }
void copy_alone(const ReduceScatter& op, cudaStream_t stream) { copy_unless_in_place(op.full, op.shard, stream); }
void copy_alone(const Broadcast&, cudaStream_t) {}
void copy_alone(const Send& op, cudaStream_t) { ensure(false, "send of {} by a rank alone", to_string(op.values)); }
void copy_alone(const Receive& op, cudaStream_t) {
  ensure(false, "receive of {} by a rank alone", to_string(op.values));
}

}  // namespace scalebench
