// Cross-entropy of a part of the vocabulary: two passes with a reduction over ranks after each, then the gradient.
#include "kernels/cuda/compute.hpp"
#include "kernels/cuda/logits.cuh"

namespace scalebench::cuda {

namespace {

template <class T, class TeamType>
__global__ void __launch_bounds__(kMostThreads) find_maximum(HeadRows<T> logits, float* maximum, int lanes) {
  const TeamType team(lanes, logits.width);
  team.each_row(logits.count, [&](std::int64_t n) {
    float highest = -std::numeric_limits<float>::infinity();
    team.each_chunk([&](int chunk) {
      typename TeamType::template Part<T> x;
      team.read(logits, n, chunk, x);
      team.each_of(chunk, [&](int i, int j, int) { highest = Maximum{}(highest, x.get(i, j)); });
    });
    highest = team.over(highest, Maximum{});
    if (team.leads() && n < logits.count) maximum[n] = highest;
  });
}

// sums [2, N]
template <class T, class TeamType>
__global__ void __launch_bounds__(kMostThreads)
    sum_up(HeadRows<T> logits, Ids targets, const float* maximum, float* sums, std::int64_t first, int lanes) {
  const TeamType team(lanes, logits.width);
  team.each_row(logits.count, [&](std::int64_t n) {
    const bool exists = n < logits.count;
    const float highest = exists ? maximum[n] : 0;
    const std::int64_t id = exists ? targets[n] : 0, target = id - first;
    float sum = 0;
    team.each_chunk([&](int chunk) {
      typename TeamType::template Part<T> x;
      team.read(logits, n, chunk, x);
      team.each_of(chunk, [&](int i, int j, int) { sum += weight_of(x.get(i, j), highest); });
    });
    if (const TargetOfRow<T> of_target(team, logits, n, target); of_target.place != nullptr)
      sums[logits.count + n] = of_target.logit - highest;
    sum = team.over(sum);
    if (!exists || !team.leads()) return;
    sums[n] = sum;
    if (target < 0 || target >= logits.width) sums[logits.count + n] = id < 0 ? kNotANumber : 0;
  });
}

template <class T, class TeamType>
__global__ void __launch_bounds__(kMostThreads, 1)
    differentiate(HeadRows<T> logits, Ids targets, const float* maximum, const float* sums, GradientScale by,
                  std::int64_t first, int lanes) {
  const float scale = by.value();
  const TeamType team(lanes, logits.width);
  team.each_row(logits.count, [&](std::int64_t n) {
    if (n >= logits.count) return;
    const float highest = maximum[n], sum = sums[n], factor = scale / sum;
    const TargetOfRow<T> of_target(team, logits, n, targets[n] - first);
    team.each_chunk([&](int chunk) {
      typename TeamType::template Part<T> x;
      team.read(logits, n, chunk, x);
      team.each_of(chunk, [&](int i, int j, int) { x.set(i, j, factor * weight_of(x.get(i, j), highest)); });
      team.write(logits, n, chunk, x);
    });
    of_target.become_gradient(scale, highest, sum);
  });
}

__global__ void add_all(const float* sums, std::int64_t rows, double scale, float* to) {
  add_losses(rows, scale, to,
             [=](std::int64_t n) { return log(static_cast<double>(sums[n])) - static_cast<double>(sums[rows + n]); });
}

void need_sums(const Tensor& sums, const Tensor& logits) {
  need(sums.contiguous() && sums.count() == 2 * logits.rows(), sums, "where two sums for each row are needed");
}

}  // namespace

void compute(const LogitMaximum& op, CudaContext& context) {
  need(op.maximum.count() == op.logits.rows(), op.maximum, "where a maximum for each row is needed");
  for_logits(
      op.logits, context,
      [&]<class TeamType, class T>(TeamType*, const HeadRows<T>& logits, const TeamShape& shape, unsigned blocks) {
        launch(context, find_maximum<T, TeamType>, blocks, shape.threads, logits, data_of<float>(op.maximum),
               shape.lanes);
      });
}

void compute(const LogitSums& op, CudaContext& context) {
  need_sums(op.sums, op.logits);
  const Ids targets = targets_of(op.targets, op.logits);
  for_logits(
      op.logits, context,
      [&]<class TeamType, class T>(TeamType*, const HeadRows<T>& logits, const TeamShape& shape, unsigned blocks) {
        launch(context, sum_up<T, TeamType>, blocks, shape.threads, logits, targets, data_of<float>(op.maximum),
               data_of<float>(op.sums), op.first, shape.lanes);
      });
}

void compute(const CrossEntropyOfPart& op, CudaContext& context) {
  need_sums(op.sums, op.logits);
  const Ids targets = targets_of(op.targets, op.logits);
  const auto *const maximum = data_of<const float>(op.maximum), *const sums = data_of<const float>(op.sums);
  for_logits(
      op.logits, context,
      [&]<class TeamType, class T>(TeamType*, const HeadRows<T>& logits, const TeamShape& shape, unsigned blocks) {
        launch(context, differentiate<T, TeamType>, blocks, shape.threads, logits, targets, maximum, sums,
               GradientScale(op), op.first, shape.lanes);
      });
  launch(context, add_all, 1, kLossThreads, sums, op.logits.rows(), op.loss_scale, data_of<float>(op.loss));
}

}  // namespace scalebench::cuda
