#include "kernels/cuda/column_sums.hpp"
#include "kernels/cuda/compute.hpp"
#include "kernels/cuda/rows.cuh"

namespace scalebench::cuda {

namespace {

constexpr int kHeldBackward = 3;  // packs of a thread: it has two sums for each element, too

template <class T>
struct Forward {
  SummedRows<T> rows;
  HeadRows<T> output;
  const T *weight, *bias;
  float *means, *reciprocals;
  float epsilon;
};

// The deviations from a rounded mean sum to what it is off by, times the width; that corrects the mean and the variance
// (Chan, Golub and LeVeque 1983, the corrected two-pass algorithm).
template <class T, class TeamType>
__global__ void __launch_bounds__(kMostThreads) normalise(Forward<T> op, int lanes) {
  using Part = typename TeamType::template Part<T>;
  const TeamType team(lanes, op.output.width);
  const auto width = static_cast<float>(op.output.width);
  team.each_row(op.output.count, [&](std::int64_t n) {
    Part x{};
    float total = 0;
    team.each_chunk([&](int chunk) {
      team.read(op.rows, n, chunk, x);
      team.each([&](int i, int j) { total += x.get(i, j); });
    });
    const float rounded_mean = team.over(total) / width;
    Pair sums{};  // of squares and of deviations
    team.each_chunk([&](int chunk) {
      team.read_again(op.rows, n, chunk, x);
      team.each_of(chunk, [&](int i, int j, int) {
        const float centred = x.get(i, j) - rounded_mean;
        sums = sums + Pair{centred * centred, centred};
      });
    });
    sums = team.over(sums);
    const float off = sums.second / width, mean = rounded_mean + off;
    const float variance = sums.first / width - off * off;
    const float reciprocal = 1.0F / sqrtf((variance < 0 ? 0 : variance) + op.epsilon);
    team.each_chunk([&](int chunk) {
      Part weight, bias;
      team.read(op.weight, chunk, weight), team.read(op.bias, chunk, bias);
      team.read_again(op.rows, n, chunk, x);
      team.each(
          [&](int i, int j) { bias.set(i, j, (x.get(i, j) - mean) * reciprocal * weight.get(i, j) + bias.get(i, j)); });
      team.write(op.output, n, chunk, bias);
    });
    if (team.leads() && n < op.output.count) op.means[n] = mean, op.reciprocals[n] = reciprocal;
  });
}

template <class T>
struct Backward {
  HeadRows<const T> input, d_output;
  HeadRows<T> d_input;
  const T* weight;
  const float *means, *reciprocals;
  float *d_weight, *d_bias;  // partial sums
  bool accumulate;
};

// With y = (x - mean) r: d_input = r (dy w - mean(dy w) - y mean(dy w y)); d_weight += dy y, d_bias += dy.
template <class T, class TeamType>
__global__ void __launch_bounds__(kMostThreads) differentiate(Backward<T> op, int lanes) {
  using Part = typename TeamType::template Part<T>;
  const TeamType team(lanes, op.input.width);
  const auto width = static_cast<float>(op.input.width);
  auto d_weight = team.begin_sums(op.d_weight), d_bias = team.begin_sums(op.d_bias);
  team.each_row(op.input.count, [&](std::int64_t n) {
    const bool exists = n < op.input.count;
    const float mean = exists ? op.means[n] : 0, reciprocal = exists ? op.reciprocals[n] : 0;
    Part x{}, dy{}, weight{};
    const auto normed = [&](int i, int j) { return (x.get(i, j) - mean) * reciprocal; };
    Pair sums{};  // of dy w and of dy w y
    team.each_chunk([&](int chunk) {
      team.read(op.input, n, chunk, x), team.read(op.d_output, n, chunk, dy), team.read(op.weight, chunk, weight);
      team.each([&](int i, int j) {
        const float scaled = dy.get(i, j) * weight.get(i, j);
        sums = sums + Pair{scaled, scaled * normed(i, j)};
      });
      team.add(d_weight, chunk, [&](int i, int j) { return dy.get(i, j) * normed(i, j); });
      team.add(d_bias, chunk, [&](int i, int j) { return dy.get(i, j); });
    });
    sums = team.over(sums);
    const float level = sums.first / width, along = sums.second / width;
    team.each_chunk([&](int chunk) {
      team.read_again(op.input, n, chunk, x), team.read_again(op.d_output, n, chunk, dy);
      team.read(op.weight, chunk, weight);
      Part d_input{};
      if (op.accumulate) team.read(op.d_input, n, chunk, d_input);
      team.each([&](int i, int j) {
        const float across = dy.get(i, j) * weight.get(i, j) - level - normed(i, j) * along;
        d_input.set(i, j, d_input.get(i, j) + reciprocal * across);
      });
      team.write(op.d_input, n, chunk, d_input);
    });
  });
  team.end_sums(d_weight), team.end_sums(d_bias);
}

}  // namespace

void compute(const LayerNorm& op, CudaContext& context) {
  for_dtype(op.input, [&](auto type) {
    using T = decltype(type);
    const Forward<T> forward{.rows = summed_rows_of<T>(op),
                             .output = head_rows_of<T>(op.output),
                             .weight = data_of<const T>(op.weight),
                             .bias = data_of<const T>(op.bias),
                             .means = data_of<float>(op.mean),
                             .reciprocals = data_of<float>(op.reciprocal),
                             .epsilon = static_cast<float>(op.epsilon)};
    const bool packed = packs(forward.rows) && packs(forward.output) && packs(forward.weight) && packs(forward.bias);
    for_team<T>(packed, forward.output.width, [&]<class TeamType>(TeamType*) {
      const TeamShape shape = team_shape<TeamType>(context, forward.output.count, forward.output.width);
      launch(context, normalise<T, TeamType>, blocks_for(forward.output.count, shape.teams()), shape.threads, forward,
             shape.lanes);
    });
  });
}

void compute(const LayerNormBackward& op, CudaContext& context) {
  for_dtype(op.input, [&](auto type) {
    using T = decltype(type);
    Backward<T> backward{.input = head_rows_of<const T>(op.input),
                         .d_output = head_rows_of<const T>(op.d_output),
                         .d_input = head_rows_of<T>(op.d_input),
                         .weight = data_of<const T>(op.weight),
                         .means = data_of<const float>(op.mean),
                         .reciprocals = data_of<const float>(op.reciprocal),
                         .d_weight = nullptr,
                         .d_bias = nullptr,
                         .accumulate = op.accumulate};
    const bool packed =
        packs(backward.input) && packs(backward.d_output) && packs(backward.d_input) && packs(backward.weight);
    for_team<T, kHeldBackward>(packed, backward.input.width, [&]<class TeamType>(TeamType*) {
      const std::int64_t width = backward.input.width;
      const TeamShape shape = team_shape<TeamType>(context, backward.input.count, width);
      const unsigned blocks = blocks_to_sum(context, backward.input.count, shape);
      const std::int64_t partials = shape.partial_rows(blocks);
      backward.d_weight = reinterpret_cast<float*>(context.scratch(static_cast<std::size_t>(2 * partials * width) * 4));
      backward.d_bias = backward.d_weight + partials * width;
      launch(context, differentiate<T, TeamType>, blocks, shape.threads, backward, shape.lanes);
      add_columns(backward.d_weight, partials, width, data_of<float>(op.d_weight), context);
      add_columns(backward.d_bias, partials, width, data_of<float>(op.d_bias), context);
    });
  });
}

}  // namespace scalebench::cuda
