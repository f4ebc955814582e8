// The communication of tensor parallelism: every block reads whole rows of the residual stream, and each rank's result
// is a partial sum of all of them. Megatron-LM (Shoeybi et al. 2019) keeps the stream whole on every rank and
// all-reduces; with sequence parallelism (Korthikanti et al. 2022) a rank keeps R = N / tp rows, which are gathered in
// front of a block and reduce-scattered behind it. One rank alone: nothing happens.
#pragma once

#include "collectives/mesh.hpp"
#include "kernels/device.hpp"
#include "workloads/blocks/shape.hpp"

namespace scalebench {

// Which of two memories whole rows are gathered to.
enum class Whole : std::uint8_t { values, gradients };

class TensorParallel {
 public:
  TensorParallel(Device& device, Mesh& mesh, const Shape& shape, const ParallelPlan& plan);

  int size() const { return size_; }
  int rank() const { return rank_; }
  std::int64_t first_row(const Tensor& part) const { return scattered_ ? rank_ * part.rows() : 0; }  // of the stream
  TensorRank part() const { return {rank_, size_}; }

  // The rows of `part` as a whole: itself where it is. fetch() starts to gather them; whole() is
  // the compute lane's view of them, once they are there.
  void fetch(const Tensor& part, Whole what);
  Tensor whole(const Tensor& part, Whole what);

  // Where to write this rank's partial sums of `part`, not in its place: a muted step goes on with the last sums, since
  // numbers out of proportion would change its speed. start_sum() adds up those of all ranks and sum() waits for it.
  Tensor partial(const Tensor& part) const;
  void start_sum(const Tensor& part);
  void finish_sum();
  void sum(const Tensor& part) { start_sum(part), finish_sum(); }

  // In place, over all ranks; waits. Of what each holds for its own rows or columns.
  void reduce(const Tensor& values, Reduction reduction = Reduction::sum);
  // Gradients of parameters that every rank has whole: where the stream is shared, each saw its own rows only, and of a
  // norm of heads its own heads only.
  void reduce_replicated(const Unit& unit, const Tensor& d_flat);

  // The `count` values that every rank brings, [parts][values], nothing on sim; collective, outside of steps.
  std::vector<std::vector<double>> from_all(const std::vector<double>& mine, std::int64_t count);

 private:
  const Tensor& memory(Whole what) const { return what == Whole::values ? values_.tensor() : gradients_.tensor(); }

  Device& device_;
  int size_, rank_;
  bool scattered_;
  Communicator* gather_ = nullptr;
  Communicator* reduce_ = nullptr;
  Buffer partial_{};               // [N, H]
  Buffer values_{}, gradients_{};  // [N, H], of sequence parallelism
  Event fetched_[2]{}, summed_{};
};

}  // namespace scalebench
