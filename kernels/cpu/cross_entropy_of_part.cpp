// Cross-entropy of a part of the vocabulary: two passes with a reduction over ranks after each, then the gradient.
#include <limits>

#include "kernels/cpu/compute.hpp"
#include "kernels/cpu/context.hpp"
#include "kernels/cpu/rows.hpp"

namespace scalebench::cpu {

namespace {

constexpr std::int64_t kAnyVocabulary = std::int64_t{1} << 31;  // an id may be another rank's

// Calls body(row number, logits of the row) for each row, over all threads.
template <class Body>
void for_each_row(const Tensor& logits, CpuContext& context, const Body& body) {
  for_dtype(logits, [&]<class T>(T) {
    const auto rows = rows_of<T>(logits);
    context.split(logits.rows(), rows_per_thread(std::max<std::int64_t>(1, logits.columns())),
                  [&](std::int64_t begin, std::int64_t end, int) {
                    for (std::int64_t n = begin; n < end; ++n) body(n, rows[n]);
                  });
  });
}

bool held(std::int64_t target, std::int64_t width) { return target >= 0 && target < width; }

}  // namespace

void compute(const LogitMaximum& op, CpuContext& context) {
  const std::int64_t width = op.logits.columns();
  float* const maximum = data_of<float>(op.maximum);
  ensure(op.maximum.count() == op.logits.rows(), "logit_maximum of {} to {}", to_string(op.logits),
         to_string(op.maximum));
  for_each_row(op.logits, context, [=](std::int64_t n, const auto* logits) {
    float highest = -std::numeric_limits<float>::infinity();
#pragma omp simd reduction(max : highest)
    for (std::int64_t v = 0; v < width; ++v) {
      const float logit = to_float(logits[v]);
      highest = logit > highest ? logit : highest;
    }
    maximum[n] = highest;
  });
}

void compute(const LogitSums& op, CpuContext& context) {
  const std::int64_t rows = op.logits.rows(), width = op.logits.columns();
  ensure(op.sums.contiguous() && op.sums.count() == 2 * rows && op.targets.count() == rows, "logit_sums of {} to {}",
         to_string(op.logits), to_string(op.sums));
  const Ids targets = ids_of(op.targets, kAnyVocabulary);
  const float* const maximum = data_of<float>(op.maximum);
  float* const sums = data_of<float>(op.sums);
  for_each_row(op.logits, context, [=, first = op.first](std::int64_t n, const auto* logits) {
    const float offset = maximum[n] * kLog2E;
    float sum = 0;
#pragma omp simd reduction(+ : sum)
    for (std::int64_t v = 0; v < width; ++v) sum += exp2_below(to_float(logits[v]) * kLog2E - offset);
    const std::int64_t target = targets[n] - first;
    sums[n] = sum;
    sums[rows + n] = held(target, width) ? to_float(logits[target]) - maximum[n] : 0.0F;
  });
}

void compute(const CrossEntropyOfPart& op, CpuContext& context) {
  const std::int64_t rows = op.logits.rows(), width = op.logits.columns();
  ensure(op.sums.contiguous() && op.sums.count() == 2 * rows && op.targets.count() == rows,
         "cross_entropy_of_part of {} with {}", to_string(op.logits), to_string(op.sums));
  const Ids targets = ids_of(op.targets, kAnyVocabulary);
  const float *const maximum = data_of<float>(op.maximum), *const sums = data_of<float>(op.sums);
  const float scale = gradient_scale(op);
  for_each_row(op.logits, context, [=, first = op.first]<class T>(std::int64_t n, T* logits) {
    const float offset = maximum[n] * kLog2E, factor = scale / sums[n];
    const std::int64_t target = targets[n] - first;
    const float weight = held(target, width) ? exp2_below(to_float(logits[target]) * kLog2E - offset) : 0.0F;
#pragma omp simd
    for (std::int64_t v = 0; v < width; ++v)
      logits[v] = from_float<T>(factor * exp2_below(to_float(logits[v]) * kLog2E - offset));
    if (held(target, width)) logits[target] = from_float<T>(scale * (weight / sums[n] - 1.0F));
  });
  double sum = 0;
  for (std::int64_t n = 0; n < rows; ++n)
    sum += std::log(static_cast<double>(sums[n])) - static_cast<double>(sums[rows + n]);
  *data_of<float>(op.loss) += static_cast<float>(op.loss_scale * sum);
}

}  // namespace scalebench::cpu
