#include "workloads/blocks/tensor_parallel.hpp"

#include <algorithm>

#include "base/check.hpp"

namespace scalebench {

namespace {

Tensor flat(const Tensor& tensor) { return tensor.reshaped({tensor.count()}); }

}  // namespace

TensorParallel::TensorParallel(Device& device, Mesh& mesh, const Shape& shape, const ParallelPlan& plan)
    : device_(device), size_(plan.tp), rank_(mesh.index(Axis::tp)), scattered_(plan.sequence_parallel && plan.tp > 1) {
  if (size_ == 1) return;
  reduce_ = &mesh.along(Axis::tp, Purpose::reduce);
  const auto allocate = [&](const char* label) {
    return device.allocate(shape.dtype, {shape.N(), shape.H}, Use::activations, label);
  };
  partial_ = allocate("partial_sums");
  if (!scattered_) return;
  gather_ = &mesh.along(Axis::tp, Purpose::gather);
  values_ = allocate("whole_rows"), gradients_ = allocate("d_whole_rows");
}

void TensorParallel::fetch(const Tensor& part, Whole what) {
  if (!scattered_) return;
  gather_->wait(device_.record());
  fetched_[static_cast<std::size_t>(what)] = gather_->run(AllGather{.shard = flat(part), .full = flat(memory(what))});
}

Tensor TensorParallel::whole(const Tensor& part, Whole what) {
  if (!scattered_) return part;
  device_.wait(fetched_[static_cast<std::size_t>(what)]);
  return memory(what);
}

// As many rows as the parts have together: a decoding step has fewer than there is memory for.
Tensor TensorParallel::partial(const Tensor& part) const {
  return size_ > 1 ? partial_.tensor().slice(0, 0, part.rows() * (scattered_ ? size_ : 1)) : part;
}

void TensorParallel::start_sum(const Tensor& part) {
  if (size_ == 1) return;
  const Tensor sums = flat(partial(part));
  reduce_->wait(device_.record());
  summed_ = scattered_ ? reduce_->run(ReduceScatter{.full = sums, .shard = flat(part)})
                       : reduce_->run(AllReduce{.input = sums, .output = flat(part)});
}

void TensorParallel::finish_sum() {
  if (size_ > 1) device_.wait(summed_);
}

void TensorParallel::reduce(const Tensor& values, Reduction reduction) {
  if (size_ == 1) return;
  reduce_->wait(device_.record());
  device_.wait(reduce_->run(AllReduce{.input = values, .output = values, .reduction = reduction}));
}

void TensorParallel::reduce_replicated(const Unit& unit, const Tensor& d_flat) {
  if (size_ == 1) return;
  std::int64_t begin = unit.count(), end = begin;
  const auto take = [&](const Parameter& p) { begin = std::min(begin, p.offset), end = p.offset + p.count(); };
  for (const Parameter& p : unit.parameters)
    if (p.cut == Cut::none && (scattered_ || p.of_heads)) take(p);
  if (begin < unit.count()) reduce(d_flat.slice(0, begin, end - begin));
}

std::vector<std::vector<double>> TensorParallel::from_all(const std::vector<double>& mine, std::int64_t count) {
  if (size_ == 1) return {mine};
  const Buffer part = device_.allocate(DType::f32, {count}, Use::buffers, "part");
  const Buffer whole = device_.allocate(DType::f32, {count * size_}, Use::buffers, "whole");
  if (!mine.empty()) device_.write(part, mine);
  reduce_->wait(device_.record());
  device_.wait(reduce_->run(AllGather{.shard = part, .full = whole}));
  const std::vector<double> values = device_.read(whole);
  if (values.empty()) return {};
  std::vector<std::vector<double>> parts;
  for (int rank = 0; rank < size_; ++rank)
    parts.emplace_back(values.begin() + rank * count, values.begin() + (rank + 1) * count);
  return parts;
}

}  // namespace scalebench
