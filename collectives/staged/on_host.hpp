// A collective on a GPU's tensors as one on the host's, and what must be copied before and after it.
#pragma once

#include <functional>
#include <optional>

#include "collectives/collective.hpp"

namespace scalebench {

struct Copy {
  Tensor from, to;
};

template <class Op>
struct OnHost {
  Op op;
  std::optional<Copy> before, after;
};

using TakeHostMemory = std::function<Tensor(DType dtype, std::int64_t count)>;

inline OnHost<AllReduce> on_host(const AllReduce& op, int, const TakeHostMemory& take) {
  const Tensor x = take(op.input.dtype(), op.input.count());
  return {{.input = x, .output = x, .reduction = op.reduction}, Copy{op.input, x}, Copy{x, op.output}};
}

inline OnHost<AllGather> on_host(const AllGather& op, int rank, const TakeHostMemory& take) {
  const Tensor full = take(op.full.dtype(), op.full.count());
  const Tensor own = full.slice(0, rank * op.shard.count(), op.shard.count());
  return {{.shard = own, .full = full}, Copy{op.shard, own}, Copy{full, op.full}};
}

inline OnHost<ReduceScatter> on_host(const ReduceScatter& op, int, const TakeHostMemory& take) {
  const Tensor full = take(op.full.dtype(), op.full.count()), shard = take(op.shard.dtype(), op.shard.count());
  return {{.full = full, .shard = shard}, Copy{op.full, full}, Copy{shard, op.shard}};
}

inline OnHost<Broadcast> on_host(const Broadcast& op, int rank, const TakeHostMemory& take) {
  const Tensor x = take(op.values.dtype(), op.values.count());
  if (rank == 0) return {{.values = x}, Copy{op.values, x}, std::nullopt};
  return {{.values = x}, std::nullopt, Copy{x, op.values}};
}

inline OnHost<Send> on_host(const Send& op, int, const TakeHostMemory& take) {
  const Tensor x = take(op.values.dtype(), op.values.count());
  return {{.values = x, .to = op.to}, Copy{op.values, x}, std::nullopt};
}

inline OnHost<Receive> on_host(const Receive& op, int, const TakeHostMemory& take) {
  const Tensor x = take(op.values.dtype(), op.values.count());
  return {{.values = x, .from = op.from}, std::nullopt, Copy{x, op.values}};
}

}  // namespace scalebench
