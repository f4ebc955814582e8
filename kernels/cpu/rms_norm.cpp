#include "kernels/cpu/compute.hpp"
#include "kernels/cpu/context.hpp"
#include "kernels/cpu/rows.hpp"

namespace scalebench::cpu {

namespace {

// sum = input + branch, and the sum of its squares.
template <class T>
float add_rows(const T* input, const T* branch, T* sum, std::int64_t width) {
  float squares = 0;
#pragma omp simd reduction(+ : squares)
  for (std::int64_t h = 0; h < width; ++h) {
    sum[h] = from_float<T>(to_float(input[h]) + to_float(branch[h]));
    squares += to_float(sum[h]) * to_float(sum[h]);
  }
  return squares;
}

template <class T>
float sum_of_squares(const T* input, std::int64_t width) {
  float squares = 0;
#pragma omp simd reduction(+ : squares)
  for (std::int64_t h = 0; h < width; ++h) squares += to_float(input[h]) * to_float(input[h]);
  return squares;
}

template <class T>
void normalise(const RmsNorm& op, CpuContext& context) {
  const std::int64_t width = op.input.columns();
  const auto input = rows_of<const T>(op.input);
  const auto output = rows_of<T>(op.output);
  const bool adds = op.branch.defined();
  const auto branch = adds ? rows_of<const T>(op.branch) : Rows<const T>{};
  const auto sum = adds ? rows_of<T>(op.sum) : Rows<T>{};
  const T* const weight = rows_of<const T>(op.weight).data;
  float* const reciprocals = data_of<float>(op.reciprocal);
  context.split(op.input.rows(), rows_per_thread(width), [&](std::int64_t begin, std::int64_t end, int) {
    for (std::int64_t n = begin; n < end; ++n) {
      const float squares = adds ? add_rows(input[n], branch[n], sum[n], width) : sum_of_squares(input[n], width);
      const float mean = squares / static_cast<float>(width);
      const float reciprocal = 1.0F / std::sqrt(mean + static_cast<float>(op.epsilon));
      const T* const from = adds ? sum[n] : input[n];
      T* const to = output[n];
#pragma omp simd
      for (std::int64_t h = 0; h < width; ++h)
        to[h] = from_float<T>(to_float(from[h]) * reciprocal * to_float(weight[h]));
      reciprocals[n] = reciprocal;
    }
  });
}

struct Width {
  std::int64_t columns;
  float inverse;
};

// d_input = r (dy w - x r^2 mean(dy w x)); partial += dy x r.
template <bool Accumulate, class T>
void differentiate_row(const T* input, const T* weight, const T* d_output, T* d_input, float* partial, float reciprocal,
                       Width width) {
  float dot = 0;
#pragma omp simd reduction(+ : dot)
  for (std::int64_t h = 0; h < width.columns; ++h) {
    const float scaled = to_float(d_output[h]) * to_float(input[h]);
    dot += scaled * to_float(weight[h]);
    partial[h] += scaled * reciprocal;
  }
  const float along = dot * width.inverse * reciprocal * reciprocal;
#pragma omp simd
  for (std::int64_t h = 0; h < width.columns; ++h) {
    const float across = to_float(d_output[h]) * to_float(weight[h]) - to_float(input[h]) * along;
    const float before = Accumulate ? to_float(d_input[h]) : 0.0F;
    d_input[h] = from_float<T>(before + reciprocal * across);
  }
}

template <class T>
void differentiate(const RmsNormBackward& op, CpuContext& context) {
  const Width width{op.input.columns(), 1.0F / static_cast<float>(op.input.columns())};
  const auto input = rows_of<const T>(op.input), d_output = rows_of<const T>(op.d_output);
  const auto d_input = rows_of<T>(op.d_input);
  const T* const weight = rows_of<const T>(op.weight).data;
  const float* const reciprocals = data_of<float>(op.reciprocal);
  float* const d_weight = rows_of<float>(op.d_weight).data;
  const auto row = op.accumulate ? differentiate_row<true, T> : differentiate_row<false, T>;
  context.shared_arena().reset();
  float* const partials = context.shared_arena().take<float>(context.threads() * width.columns);
  std::fill(partials, partials + context.threads() * width.columns, 0.0F);
  context.split(op.input.rows(), rows_per_thread(width.columns), [&](std::int64_t begin, std::int64_t end, int thread) {
    for (std::int64_t n = begin; n < end; ++n)
      row(input[n], weight, d_output[n], d_input[n], partials + thread * width.columns, reciprocals[n], width);
  });
  for (int thread = 0; thread < context.threads(); ++thread)
    for (std::int64_t h = 0; h < width.columns; ++h) d_weight[h] += partials[thread * width.columns + h];
}

}  // namespace

void compute(const RmsNorm& op, CpuContext& context) {
  for_dtype(op.input, [&]<class T>(T) { normalise<T>(op, context); });
}

void compute(const RmsNormBackward& op, CpuContext& context) {
  for_dtype(op.input, [&]<class T>(T) { differentiate<T>(op, context); });
}

}  // namespace scalebench::cpu
