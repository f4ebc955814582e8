#include "kernels/cpu/compute.hpp"
#include "kernels/cpu/context.hpp"
#include "kernels/cpu/rows.hpp"

namespace scalebench::cpu {

namespace {

// sum = input + branch, and its mean.
template <class T>
float add_rows(const T* input, const T* branch, T* sum, std::int64_t width) {
  float total = 0;
#pragma omp simd reduction(+ : total)
  for (std::int64_t h = 0; h < width; ++h) {
    sum[h] = from_float<T>(to_float(input[h]) + to_float(branch[h]));
    total += to_float(sum[h]);
  }
  return total / static_cast<float>(width);
}

template <class T>
float mean_of(const T* input, std::int64_t width) {
  float total = 0;
#pragma omp simd reduction(+ : total)
  for (std::int64_t h = 0; h < width; ++h) total += to_float(input[h]);
  return total / static_cast<float>(width);
}

struct Statistics {
  float mean, reciprocal;
};

// A second pass over the row, which is in the cache: mean(x^2) - mean(x)^2 would cancel. The deviations from a rounded
// mean sum to what it is off by, times the width; that corrects the mean and the variance, so that neither depends on
// how many partial sums the first pass had (Chan, Golub and LeVeque 1983, the corrected two-pass algorithm).
template <class T>
Statistics statistics_of(const T* input, float rounded_mean, float epsilon, std::int64_t width) {
  float squares = 0, deviations = 0;
#pragma omp simd reduction(+ : squares, deviations)
  for (std::int64_t h = 0; h < width; ++h) {
    const float centred = to_float(input[h]) - rounded_mean;
    squares += centred * centred;
    deviations += centred;
  }
  const float off = deviations / static_cast<float>(width);
  const float variance = std::max(0.0F, squares / static_cast<float>(width) - off * off);
  return {rounded_mean + off, 1.0F / std::sqrt(variance + epsilon)};
}

template <class T>
void normalise(const LayerNorm& op, CpuContext& context) {
  const std::int64_t width = op.input.columns();
  const auto input = rows_of<const T>(op.input);
  const auto output = rows_of<T>(op.output);
  const bool adds = op.branch.defined();
  const auto branch = adds ? rows_of<const T>(op.branch) : Rows<const T>{};
  const auto sum = adds ? rows_of<T>(op.sum) : Rows<T>{};
  const T *const weight = rows_of<const T>(op.weight).data, *const bias = rows_of<const T>(op.bias).data;
  float *const means = data_of<float>(op.mean), *const reciprocals = data_of<float>(op.reciprocal);
  context.split(op.input.rows(), rows_per_thread(width), [&](std::int64_t begin, std::int64_t end, int) {
    for (std::int64_t n = begin; n < end; ++n) {
      const float rounded_mean = adds ? add_rows(input[n], branch[n], sum[n], width) : mean_of(input[n], width);
      const T* const from = adds ? sum[n] : input[n];
      const auto [mean, reciprocal] = statistics_of(from, rounded_mean, static_cast<float>(op.epsilon), width);
      T* const to = output[n];
#pragma omp simd
      for (std::int64_t h = 0; h < width; ++h)
        to[h] = from_float<T>((to_float(from[h]) - mean) * reciprocal * to_float(weight[h]) + to_float(bias[h]));
      means[n] = mean, reciprocals[n] = reciprocal;
    }
  });
}

// What one thread adds to the gradients of weight and bias.
struct Partial {
  float *weight, *bias;  // [H]
};

// With y = (x - mean) r: d_input = r (dy w - mean(dy w) - y mean(dy w y)); partials += dy y and dy.
template <bool Accumulate, class T>
void differentiate_row(const T* input, const T* weight, const T* d_output, T* d_input, const Partial& partial,
                       const Statistics& row, std::int64_t width) {
  float total = 0, dot = 0;
  float *const d_weight = partial.weight, *const d_bias = partial.bias;
#pragma omp simd reduction(+ : total, dot)
  for (std::int64_t h = 0; h < width; ++h) {
    const float normed = (to_float(input[h]) - row.mean) * row.reciprocal, gradient = to_float(d_output[h]);
    const float scaled = gradient * to_float(weight[h]);
    total += scaled;
    dot += scaled * normed;
    d_weight[h] += gradient * normed;
    d_bias[h] += gradient;
  }
  const float level = total / static_cast<float>(width), along = dot / static_cast<float>(width);
#pragma omp simd
  for (std::int64_t h = 0; h < width; ++h) {
    const float normed = (to_float(input[h]) - row.mean) * row.reciprocal;
    const float across = to_float(d_output[h]) * to_float(weight[h]) - level - normed * along;
    const float before = Accumulate ? to_float(d_input[h]) : 0.0F;
    d_input[h] = from_float<T>(before + row.reciprocal * across);
  }
}

template <class T>
void differentiate(const LayerNormBackward& op, CpuContext& context) {
  const std::int64_t width = op.input.columns();
  const auto input = rows_of<const T>(op.input), d_output = rows_of<const T>(op.d_output);
  const auto d_input = rows_of<T>(op.d_input);
  const T* const weight = rows_of<const T>(op.weight).data;
  const float *const means = data_of<float>(op.mean), *const reciprocals = data_of<float>(op.reciprocal);
  float *const d_weight = rows_of<float>(op.d_weight).data, *const d_bias = rows_of<float>(op.d_bias).data;
  const auto row = op.accumulate ? differentiate_row<true, T> : differentiate_row<false, T>;
  context.shared_arena().reset();
  float* const partials = context.shared_arena().take<float>(context.threads() * 2 * width);
  std::fill(partials, partials + context.threads() * 2 * width, 0.0F);
  context.split(op.input.rows(), rows_per_thread(width), [&](std::int64_t begin, std::int64_t end, int thread) {
    const Partial partial{partials + thread * 2 * width, partials + (thread * 2 + 1) * width};
    for (std::int64_t n = begin; n < end; ++n)
      row(input[n], weight, d_output[n], d_input[n], partial, {means[n], reciprocals[n]}, width);
  });
  for (int thread = 0; thread < context.threads(); ++thread)
    for (std::int64_t h = 0; h < width; ++h) {
      d_weight[h] += partials[thread * 2 * width + h];
      d_bias[h] += partials[(thread * 2 + 1) * width + h];
    }
}

}  // namespace

void compute(const LayerNorm& op, CpuContext& context) {
  for_dtype(op.input, [&]<class T>(T) { normalise<T>(op, context); });
}

void compute(const LayerNormBackward& op, CpuContext& context) {
  for_dtype(op.input, [&]<class T>(T) { differentiate<T>(op, context); });
}

}  // namespace scalebench::cpu
