// The candidates are what lies above a threshold, found by bisection over the ordered bits of the logits: no sorting,
// and no more work for flat logits than for steep ones.
#include <algorithm>
#include <limits>

#include "base/random.hpp"
#include "kernels/cpu/compute.hpp"
#include "kernels/cpu/context.hpp"
#include "kernels/cpu/rows.hpp"

namespace scalebench::cpu {

namespace {

constexpr std::int64_t kBlock = 1024;  // ids whose weights are summed before it is looked where the draw lies

// Bits whose order as integers is that of the numbers; -0 is 0.
std::int32_t key_of(float x) {
  const auto bits = std::bit_cast<std::int32_t>(x);
  return bits >= 0 ? bits : -(bits & std::numeric_limits<std::int32_t>::max());
}

// One row, gathered from the parts of the vocabulary.
struct Row {
  std::int64_t count;
  std::int32_t best;   // key
  std::int32_t* keys;  // [count]
  float* weights;      // [count]: the logits, then exp((logit - best) / temperature)
};

// The ids above a threshold, and the first `ties` at it.
struct Candidates {
  std::int32_t threshold;
  std::int64_t ties;
};

std::int64_t count_from(const Row& row, std::int32_t threshold) {
  std::int64_t count = 0;
#pragma omp simd reduction(+ : count)
  for (std::int64_t i = 0; i < row.count; ++i) count += row.keys[i] >= threshold ? 1 : 0;
  return count;
}

double weight_from(const Row& row, std::int32_t threshold) {
  double sum = 0;
#pragma omp simd reduction(+ : sum)
  for (std::int64_t i = 0; i < row.count; ++i) sum += row.keys[i] >= threshold ? double{row.weights[i]} : 0;
  return sum;
}

// The highest threshold in [low, best] at which what isn't below it has a mass of at least `least`.
template <class Mass>
std::int32_t highest_threshold(const Row& row, const Mass& mass, double least, std::int64_t low) {
  for (std::int64_t high = row.best; low < high;) {
    const std::int64_t middle = (low + high + 1) >> 1;
    if (static_cast<double>(mass(row, static_cast<std::int32_t>(middle))) >= least)
      low = middle;
    else
      high = middle - 1;
  }
  return static_cast<std::int32_t>(low);
}

constexpr std::int32_t kLeastKey = -std::numeric_limits<std::int32_t>::max();

Candidates best_of(const Row& row, std::int64_t top_k) {
  if (top_k == 0 || top_k >= row.count) return {kLeastKey, 0};
  const std::int32_t threshold = highest_threshold(row, count_from, static_cast<double>(top_k), kLeastKey);
  return {threshold, top_k - count_from(row, threshold + 1)};
}

// The fewest of them whose probabilities reach top_p.
Candidates nucleus_of(const Row& row, Candidates of, double top_p) {
  if (top_p >= 1) return of;
  const auto weight_at = [&](std::int32_t key) {
    return double{row.weights[std::find(row.keys, row.keys + row.count, key) - row.keys]};
  };
  double above = weight_from(row, of.threshold + 1);
  const double least = top_p * (above + (of.ties > 0 ? static_cast<double>(of.ties) * weight_at(of.threshold) : 0.0));
  if (above >= least) {
    of.threshold = highest_threshold(row, weight_from, least, std::int64_t{of.threshold} + 1);
    above = weight_from(row, of.threshold + 1);
    of.ties = std::count(row.keys, row.keys + row.count, of.threshold);
  }
  const double needed = std::ceil((least - above) / weight_at(of.threshold));
  return {of.threshold, static_cast<std::int64_t>(std::clamp(needed, 1.0, static_cast<double>(of.ties)))};
}

// Weights of all others become 0.
void keep(const Row& row, Candidates candidates) {
#pragma omp simd
  for (std::int64_t i = 0; i < row.count; ++i)
    row.weights[i] = row.keys[i] >= candidates.threshold ? row.weights[i] : 0.0F;
  for (std::int64_t i = 0; i < row.count; ++i)
    if (row.keys[i] == candidates.threshold && candidates.ties-- <= 0) row.weights[i] = 0;
}

// The first id at which the weights, summed in the order of ids, exceed `uniform` of their sum.
std::int64_t inverted(const Row& row, double uniform) {
  const auto sum_of = [&](std::int64_t begin) {
    double sum = 0;
    const std::int64_t end = std::min(begin + kBlock, row.count);
#pragma omp simd reduction(+ : sum)
    for (std::int64_t i = begin; i < end; ++i) sum += double{row.weights[i]};
    return sum;
  };
  double total = 0, so_far = 0;
  for (std::int64_t begin = 0; begin < row.count; begin += kBlock) total += sum_of(begin);
  const double wanted = uniform * total;
  std::int64_t last = 0;  // with a weight: where rounding leaves nothing above `wanted`
  for (std::int64_t begin = 0; begin < row.count; begin += kBlock) {
    const double next = so_far + sum_of(begin);
    const std::int64_t end = std::min(begin + kBlock, row.count);
    if (next > wanted || end == row.count)
      for (std::int64_t i = begin; i < end; ++i) {
        if (row.weights[i] > 0) last = i;
        so_far += double{row.weights[i]};
        if (so_far > wanted) return i;
      }
    so_far = next;
  }
  return last;
}

// False where the best is not finite, or one is no number.
template <class T>
bool gather(const DrawTokens& op, std::int64_t s, Row& row) {
  const std::int64_t width = op.logits.dim(2);
  for (std::int64_t first = 0; first < row.count; first += width) {
    const T* const from = data_of<const T>(op.logits) + first / width * op.logits.stride(0) + s * op.logits.stride(1);
    const std::int64_t end = std::min(width, row.count - first);
#pragma omp simd
    for (std::int64_t i = 0; i < end; ++i) {
      const float x = to_float(from[i]);
      row.weights[first + i] = x;
      row.keys[first + i] = key_of(x);
    }
  }
  constexpr std::int32_t kInfinity = 0x7F800000;
  std::int32_t best = kLeastKey, least = 0;
#pragma omp simd reduction(max : best) reduction(min : least)
  for (std::int64_t i = 0; i < row.count; ++i) {
    best = std::max(best, row.keys[i]);
    least = std::min(least, row.keys[i]);
  }
  row.best = best;
  return best < kInfinity && best > -kInfinity && least >= -kInfinity;
}

template <class T>
std::int32_t draw(const DrawTokens& op, std::int64_t s, Arena& arena) {
  arena.reset();
  Row row{op.vocabulary, 0, arena.take<std::int32_t>(op.vocabulary), arena.take<float>(op.vocabulary)};
  if (!gather<T>(op, s, row)) return -1;
  const std::int64_t best = std::find(row.keys, row.keys + row.count, row.best) - row.keys;
  if (op.temperature == 0) return static_cast<std::int32_t>(best);
  const float most = row.weights[best], scale = kLog2E / static_cast<float>(op.temperature);
#pragma omp simd
  for (std::int64_t i = 0; i < row.count; ++i) {
    const float power = (row.weights[i] - most) * scale;
    row.weights[i] = power < -126.0F ? 0.0F : exp2_below(power);
  }
  keep(row, nucleus_of(row, best_of(row, op.top_k), op.top_p));
  const auto request = static_cast<std::uint64_t>(data_of<const std::int32_t>(op.requests)[s]);
  const auto position = static_cast<std::uint64_t>(data_of<const std::int32_t>(op.positions)[s]);
  return static_cast<std::int32_t>(inverted(row, random_uniform(random_bits(op.seed, request), position)));
}

}  // namespace

void compute(const DrawTokens& op, CpuContext& context) {
  const std::int64_t rows = op.tokens.count();
  ensure(op.logits.rank() == 3 && op.logits.dim(1) == rows && op.logits.stride(2) == 1 && op.vocabulary > 0 &&
             op.vocabulary <= op.logits.dim(0) * op.logits.dim(2) && op.requests.count() == rows &&
             op.positions.count() == rows && op.requests.contiguous() && op.positions.contiguous(),
         "draw_tokens of {} by {} and {}, a vocabulary of {}", to_string(op.logits), to_string(op.requests),
         to_string(op.positions), op.vocabulary);
  auto* const tokens = rows_of<std::int32_t>(op.tokens).data;
  for_dtype(op.logits, [&]<class T>(T) {
    context.each(rows, [&](std::int64_t s, int thread) { tokens[s] = draw<T>(op, s, context.arena(thread)); });
  });
}

}  // namespace scalebench::cpu
