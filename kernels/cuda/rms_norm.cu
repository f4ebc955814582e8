// RmsNorm and its gradient, of rows or of heads of rows.
#include "kernels/cuda/column_sums.hpp"
#include "kernels/cuda/compute.hpp"
#include "kernels/cuda/rows.cuh"

namespace scalebench::cuda {

namespace {

template <class T>
struct Forward {
  SummedRows<T> rows;
  HeadRows<T> output;
  const T* weight;
  float* reciprocals;
  float epsilon;
};

template <class T, class TeamType>
__global__ void __launch_bounds__(kMostThreads) normalise(Forward<T> op, int lanes) {
  using Part = typename TeamType::template Part<T>;
  const TeamType team(lanes, op.output.width);
  team.each_row(op.output.count, [&](std::int64_t n) {
    Part x{};
    float squares = 0;
    team.each_chunk([&](int chunk) {
      team.read(op.rows, n, chunk, x);
      team.each([&](int i, int j) { squares += x.get(i, j) * x.get(i, j); });
    });
    const float mean = team.over(squares) / static_cast<float>(op.output.width);
    const float reciprocal = 1.0F / sqrtf(mean + op.epsilon);
    team.each_chunk([&](int chunk) {
      Part weight;
      team.read(op.weight, chunk, weight);
      team.read_again(op.rows, n, chunk, x);
      team.each([&](int i, int j) { weight.set(i, j, x.get(i, j) * reciprocal * weight.get(i, j)); });
      team.write(op.output, n, chunk, weight);
    });
    if (team.leads() && n < op.output.count) op.reciprocals[n] = reciprocal;
  });
}

template <class T>
struct Backward {
  HeadRows<const T> input, d_output;
  HeadRows<T> d_input;
  const T* weight;
  const float* reciprocals;
  float* partials;
  bool accumulate;
};

// d_input = r (dy w - x r^2 mean(dy w x)); d_weight += dy x r.
template <class T, class TeamType>
__global__ void __launch_bounds__(kMostThreads) differentiate(Backward<T> op, int lanes) {
  using Part = typename TeamType::template Part<T>;
  const TeamType team(lanes, op.input.width);
  auto d_weight = team.begin_sums(op.partials);
  team.each_row(op.input.count, [&](std::int64_t n) {
    const float reciprocal = n < op.input.count ? op.reciprocals[n] : 0;
    Part x{}, dy{}, weight{};
    const auto product = [&](int i, int j) { return dy.get(i, j) * x.get(i, j); };
    float dot = 0;
    team.each_chunk([&](int chunk) {
      team.read(op.input, n, chunk, x), team.read(op.d_output, n, chunk, dy), team.read(op.weight, chunk, weight);
      team.each([&](int i, int j) { dot += product(i, j) * weight.get(i, j); });
      team.add(d_weight, chunk, [&](int i, int j) { return product(i, j) * reciprocal; });
    });
    const float along = team.over(dot) / static_cast<float>(op.input.width) * reciprocal * reciprocal;
    team.each_chunk([&](int chunk) {
      team.read_again(op.input, n, chunk, x), team.read_again(op.d_output, n, chunk, dy);
      team.read(op.weight, chunk, weight);
      Part d_input{};
      if (op.accumulate) team.read(op.d_input, n, chunk, d_input);
      team.each([&](int i, int j) {
        const float across = dy.get(i, j) * weight.get(i, j) - x.get(i, j) * along;
        d_input.set(i, j, d_input.get(i, j) + reciprocal * across);
      });
      team.write(op.d_input, n, chunk, d_input);
    });
  });
  team.end_sums(d_weight);
}

}  // namespace

void compute(const RmsNorm& op, CudaContext& context) {
  for_dtype(op.input, [&](auto type) {
    using T = decltype(type);
    const Forward<T> forward{.rows = summed_rows_of<T>(op),
                             .output = head_rows_of<T>(op.output),
                             .weight = data_of<const T>(op.weight),
                             .reciprocals = data_of<float>(op.reciprocal),
                             .epsilon = static_cast<float>(op.epsilon)};
    const bool packed = packs(forward.rows) && packs(forward.output) && packs(forward.weight);
    for_team<T>(packed, forward.output.width, [&]<class TeamType>(TeamType*) {
      const TeamShape shape = team_shape<TeamType>(context, forward.output.count, forward.output.width);
      launch(context, normalise<T, TeamType>, blocks_for(forward.output.count, shape.teams()), shape.threads, forward,
             shape.lanes);
    });
  });
}

void compute(const RmsNormBackward& op, CudaContext& context) {
  for_dtype(op.input, [&](auto type) {
    using T = decltype(type);
    Backward<T> backward{.input = head_rows_of<const T>(op.input),
                         .d_output = head_rows_of<const T>(op.d_output),
                         .d_input = head_rows_of<T>(op.d_input),
                         .weight = data_of<const T>(op.weight),
                         .reciprocals = data_of<const float>(op.reciprocal),
                         .partials = nullptr,
                         .accumulate = op.accumulate};
    const bool packed =
        packs(backward.input) && packs(backward.d_output) && packs(backward.d_input) && packs(backward.weight);
    for_team<T>(packed, backward.input.width, [&]<class TeamType>(TeamType*) {
      const std::int64_t width = backward.input.width;
      const TeamShape shape = team_shape<TeamType>(context, backward.input.count, width);
      const unsigned blocks = blocks_to_sum(context, backward.input.count, shape);
      const std::int64_t partials = shape.partial_rows(blocks);
      backward.partials = reinterpret_cast<float*>(context.scratch(static_cast<std::size_t>(partials * width) * 4));
      launch(context, differentiate<T, TeamType>, blocks, shape.threads, backward, shape.lanes);
      add_columns(backward.partials, partials, width, data_of<float>(op.d_weight), context);
    });
  });
}

}  // namespace scalebench::cuda
