// RmsNorm and its gradient, of rows or of heads of rows.
#include "kernels/cuda/column_sums.hpp"
#include "kernels/cuda/compute.hpp"
#include "kernels/cuda/rows.cuh"

namespace scalebench::cuda {

namespace {

template <class T>
struct Forward {
  HeadRows<const T> input, branch;
  HeadRows<T> sum, output;
  const T* weight;
  float* reciprocals;
  float epsilon;
};

template <class T, class TeamType>
__global__ void __launch_bounds__(kMostThreads) normalise(Forward<T> op, int lanes) {
  const TeamType team(lanes, op.input.width);
  team.each_row(op.input.count, [&](std::int64_t n) {
    typename TeamType::template Part<T> x{};
    float squares = 0;
    team.each_chunk([&](int chunk) {
      team.read_sum(op.input, op.branch, op.sum, n, chunk, x);
      team.each([&](int i, int j) { squares += x.get(i, j) * x.get(i, j); });
    });
    const float mean = team.over(squares) / static_cast<float>(op.input.width);
    const float reciprocal = 1.0F / sqrtf(mean + op.epsilon);
    team.each_chunk([&](int chunk) {
      typename TeamType::template Part<T> weight;
      team.read(op.weight, chunk, weight);
      if (op.branch.data == nullptr)
        team.read_again(op.input, n, chunk, x);
      else
        team.read_again(op.sum, n, chunk, x);
      team.each([&](int i, int j) { weight.set(i, j, x.get(i, j) * reciprocal * weight.get(i, j)); });
      team.write(op.output, n, chunk, weight);
    });
    if (team.leads() && n < op.input.count) op.reciprocals[n] = reciprocal;
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
  const TeamType team(lanes, op.input.width);
  auto d_weight = team.begin_sums(op.partials);
  team.each_row(op.input.count, [&](std::int64_t n) {
    const float reciprocal = n < op.input.count ? op.reciprocals[n] : 0;
    typename TeamType::template Part<T> x{}, dy{}, weight{};
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
      typename TeamType::template Part<T> d_input{};
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
    const Forward<T> rows{head_rows_of<const T>(op.input), head_rows_of<const T>(op.branch),
                          head_rows_of<T>(op.sum),         head_rows_of<T>(op.output),
                          data_of<const T>(op.weight),     data_of<float>(op.reciprocal),
                          static_cast<float>(op.epsilon)};
    const bool packed =
        packs(rows.input) && packs(rows.branch) && packs(rows.sum) && packs(rows.output) && packs(rows.weight);
    for_team<T>(packed, rows.input.width, [&]<class TeamType>(TeamType*) {
      const TeamShape shape = team_shape<TeamType>(context, rows.input.count, rows.input.width);
      launch(context, normalise<T, TeamType>, blocks_for(rows.input.count, shape.teams()), shape.threads, rows,
             shape.lanes);
    });
  });
}

void compute(const RmsNormBackward& op, CudaContext& context) {
  for_dtype(op.input, [&](auto type) {
    using T = decltype(type);
    Backward<T> rows{head_rows_of<const T>(op.input),
                     head_rows_of<const T>(op.d_output),
                     head_rows_of<T>(op.d_input),
                     data_of<const T>(op.weight),
                     data_of<const float>(op.reciprocal),
                     nullptr,
                     op.accumulate};
    const bool packed = packs(rows.input) && packs(rows.d_output) && packs(rows.d_input) && packs(rows.weight);
    for_team<T>(packed, rows.input.width, [&]<class TeamType>(TeamType*) {
      const std::int64_t width = rows.input.width;
      const TeamShape shape = team_shape<TeamType>(context, rows.input.count, width);
      const unsigned blocks = blocks_to_sum(context, rows.input.count, shape);
      const std::int64_t partials = shape.partial_rows(blocks);
      rows.partials = reinterpret_cast<float*>(context.scratch(static_cast<std::size_t>(partials * width) * 4));
      launch(context, differentiate<T, TeamType>, blocks, shape.threads, rows, shape.lanes);
      add_columns(rows.partials, partials, width, data_of<float>(op.d_weight), context);
    });
  });
}

}  // namespace scalebench::cuda
