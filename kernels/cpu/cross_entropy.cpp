#include "kernels/cpu/compute.hpp"
#include "kernels/cpu/context.hpp"
#include "kernels/cpu/rows.hpp"

namespace scalebench::cpu {

namespace {

struct RowStatistics {
  float maximum, sum;  // of the logits; of exp(logit - maximum)
};

// A NaN may not show in the maximum, but makes the sum one.
template <class T>
RowStatistics statistics(const T* logits, std::int64_t width) {
  float maximum = to_float(logits[0]);
#pragma omp simd reduction(max : maximum)
  for (std::int64_t v = 0; v < width; ++v) maximum = to_float(logits[v]) > maximum ? to_float(logits[v]) : maximum;
  float sum = 0;
#pragma omp simd reduction(+ : sum)
  for (std::int64_t v = 0; v < width; ++v) sum += exp2_of((to_float(logits[v]) - maximum) * kLog2E);
  return {maximum, sum};
}

// Overwrites the row by its gradient; the loss of the row.
template <class T>
double differentiate(T* logits, std::int64_t target, std::int64_t width, float scale) {
  const float logit = to_float(logits[target]);
  const auto [maximum, sum] = statistics(logits, width);
  const float factor = scale / sum;
#pragma omp simd
  for (std::int64_t v = 0; v < width; ++v)
    logits[v] = from_float<T>(factor * exp2_of((to_float(logits[v]) - maximum) * kLog2E));
  logits[target] = from_float<T>(scale * (exp2_of((logit - maximum) * kLog2E) / sum - 1.0F));
  return std::log(static_cast<double>(sum)) + static_cast<double>(maximum) - static_cast<double>(logit);
}

}  // namespace

void compute(const CrossEntropy& op, CpuContext& context) {
  const std::int64_t rows = op.logits.rows(), width = op.logits.columns();
  ensure(op.targets.count() == rows, "cross_entropy of {} with {}", to_string(op.logits), to_string(op.targets));
  const Ids targets = ids_of(op.targets, width);
  context.shared_arena().reset();
  double* const losses = context.shared_arena().take<double>(rows);
  for_dtype(op.logits, [&]<class T>(T) {
    const auto logits = rows_of<T>(op.logits);
    context.split(rows, rows_per_thread(width), [&](std::int64_t begin, std::int64_t end, int) {
      for (std::int64_t n = begin; n < end; ++n)
        losses[n] = differentiate(logits[n], targets[n], width, static_cast<float>(op.scale));
    });
  });
  double sum = 0;
  for (std::int64_t n = 0; n < rows; ++n) sum += losses[n];
  *data_of<float>(op.loss) += static_cast<float>(op.scale * sum);
}

}  // namespace scalebench::cpu
