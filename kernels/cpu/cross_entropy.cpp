#include "kernels/cpu/compute.hpp"
#include "kernels/cpu/context.hpp"
#include "kernels/cpu/rows.hpp"

namespace scalebench::cpu {

namespace {

template <class T>
float highest_of(const T* logits, std::int64_t width) {
  float highest = to_float(logits[0]);
#pragma omp simd reduction(max : highest)
  for (std::int64_t v = 0; v < width; ++v) {
    const float logit = to_float(logits[v]);
    highest = logit > highest ? logit : highest;
  }
  return highest;
}

// weights = exp(logits - highest), and their sum. A NaN may not show in `highest`, but makes the sum one.
template <class T>
float weigh(const T* logits, std::int64_t width, float highest, float* weights) {
  const float offset = highest * kLog2E;
  float sum = 0;
#pragma omp simd reduction(+ : sum)
  for (std::int64_t v = 0; v < width; ++v) {
    weights[v] = exp2_below(to_float(logits[v]) * kLog2E - offset);
    sum += weights[v];
  }
  return sum;
}

// Overwrites the row by its gradient; the loss of the row.
template <class T>
double differentiate(T* logits, std::int64_t target, std::int64_t width, float scale, float* weights) {
  const float logit = to_float(logits[target]);
  const float highest = highest_of(logits, width);
  const float sum = weigh(logits, width, highest, weights);
  const float factor = scale / sum;
#pragma omp simd
  for (std::int64_t v = 0; v < width; ++v) logits[v] = from_float<T>(factor * weights[v]);
  logits[target] = from_float<T>(scale * (weights[target] / sum - 1.0F));
  return std::log(static_cast<double>(sum)) + static_cast<double>(highest) - static_cast<double>(logit);
}

}  // namespace

void compute(const CrossEntropy& op, CpuContext& context) {
  const std::int64_t rows = op.logits.rows(), width = op.logits.columns();
  ensure(op.targets.count() == rows, "cross_entropy of {} with {}", to_string(op.logits), to_string(op.targets));
  const Ids targets = ids_of(op.targets, width);
  const float scale = gradient_scale(op);
  context.shared_arena().reset();
  double* const losses = context.shared_arena().take<double>(rows);
  for_dtype(op.logits, [&]<class T>(T) {
    const auto logits = rows_of<T>(op.logits);
    context.split(rows, rows_per_thread(width), [&](std::int64_t begin, std::int64_t end, int thread) {
      context.arena(thread).reset();
      float* const weights = context.arena(thread).take<float>(width);
      for (std::int64_t n = begin; n < end; ++n)
        losses[n] = differentiate(logits[n], targets[n], width, scale, weights);
    });
  });
  double sum = 0;
  for (std::int64_t n = 0; n < rows; ++n) sum += losses[n];
  *data_of<float>(op.loss) += static_cast<float>(op.scale * sum);
}

}  // namespace scalebench::cpu
