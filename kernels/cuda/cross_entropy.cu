// The maximum of a row of logits and the sum of its exponentials in one pass (Milakov and Gimelshein 2018), its
// gradient in another.
#include "kernels/cuda/compute.hpp"
#include "kernels/cuda/logits.cuh"

namespace scalebench::cuda {

namespace {

constexpr float kInfinity = std::numeric_limits<float>::infinity();

// A maximum and the sum of exponentials below it, of some of the logits. Where nothing but minus infinity is, the sum
// is 0.
__device__ Pair raised(Pair of, float highest) {
  return {highest, of.second * weight_of(of.first, highest == -kInfinity ? 0 : highest)};
}
struct Join {
  __device__ Pair operator()(Pair a, Pair b) const {
    const float highest = Maximum{}(a.first, b.first);
    return {highest, raised(a, highest).second + raised(b, highest).second};
  }
};

template <class T, class TeamType>
__global__ void __launch_bounds__(kMostThreads)
    differentiate(HeadRows<T> logits, Ids targets, GradientScale by, double* losses, int lanes) {
  const float scale = by.value();
  const TeamType team(lanes, logits.width);
  team.each_row(logits.count, [&](std::int64_t n) {
    typename TeamType::template Part<T> x{};
    Pair own{-kInfinity, 0};
    team.each_chunk([&](int chunk) {
      team.read(logits, n, chunk, x);
      float highest = own.first;
      team.each_of(chunk, [&](int i, int j, int) { highest = fmaxf(highest, x.get(i, j)); });  // a NaN is in the sum
      own = raised(own, highest);
      const float offset = highest == -kInfinity ? 0 : highest;
      team.each_of(chunk, [&](int i, int j, int) { own.second += weight_of(x.get(i, j), offset); });
    });
    const auto [highest, sum] = team.over(own, Join{});
    const bool exists = n < logits.count;
    const std::int64_t target = exists ? targets[n] : 0;
    const float factor = scale / sum;
    const TargetOfRow<T> of_target(team, logits, n, target);
    team.each_chunk_back([&](int chunk) {
      team.read_again(logits, n, chunk, x);
      team.each_of(chunk, [&](int i, int j, int) { x.set(i, j, factor * weight_of(x.get(i, j), highest)); });
      team.write(logits, n, chunk, x);
    });
    of_target.become_gradient(scale, highest, sum);
    if (of_target.place != nullptr)
      losses[n] = log(static_cast<double>(sum)) + static_cast<double>(highest) - static_cast<double>(of_target.logit);
    // No id of this vocabulary: it shows.
    if (exists && team.leads() && (target < 0 || target >= logits.width)) losses[n] = kNotANumber;
  });
}

__global__ void add_all(const double* losses, std::int64_t rows, double scale, float* to) {
  add_losses(rows, scale, to, [=](std::int64_t n) { return losses[n]; });
}

}  // namespace

void compute(const CrossEntropy& op, CudaContext& context) {
  const std::int64_t rows = op.logits.rows();
  const Ids targets = targets_of(op.targets, op.logits);
  auto* const losses = reinterpret_cast<double*>(context.scratch(static_cast<std::size_t>(rows) * sizeof(double)));
  for_logits(
      op.logits, context,
      [&]<class TeamType, class T>(TeamType*, const HeadRows<T>& logits, const TeamShape& shape, unsigned blocks) {
        launch(context, differentiate<T, TeamType>, blocks, shape.threads, logits, targets, GradientScale(op), losses,
               shape.lanes);
      });
  launch(context, add_all, 1, kLossThreads, losses, rows, op.scale, data_of<float>(op.loss));
}

}  // namespace scalebench::cuda
