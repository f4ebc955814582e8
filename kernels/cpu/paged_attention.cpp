#include <cmath>
#include <limits>

#include "kernels/cpu/compute.hpp"
#include "kernels/cpu/context.hpp"
#include "kernels/cpu/paged_cache.hpp"
#include "kernels/cpu/rows.hpp"

namespace scalebench::cpu {

namespace {

// The sequences of one call: rows starts[s] .. starts[s + 1], positions up to lengths[s].
struct Sequences {
  const std::int32_t *starts, *lengths;
  Rows<const std::int32_t> blocks;
  std::int64_t count;

  explicit Sequences(const PagedAttention& op)
      : starts(rows_of<const std::int32_t>(op.starts).data),
        lengths(rows_of<const std::int32_t>(op.lengths).data),
        blocks(rows_of<const std::int32_t>(op.blocks)),
        count(op.lengths.count()) {}
};

template <class T, class C>
void attend(const PagedAttention& op, const Sequences& sequences, std::int64_t s, std::int64_t row, float* scores,
            float* sums) {
  const PagedCache<const C> keys(op.key_cache), values(op.value_cache);
  const std::int64_t heads = op.query.dim(1), width = op.query.dim(2), group = heads / op.key_cache.dim(1);
  const std::int64_t end = sequences.lengths[s] - (sequences.starts[s + 1] - row) + 1;
  const std::int64_t begin = op.window == 0 ? 0 : std::max<std::int64_t>(end - op.window, 0);
  const std::int32_t* const blocks = sequences.blocks[s];
  for (std::int64_t head = 0; head < heads; ++head) {
    const T* const query = data_of<const T>(op.query) + row * op.query.stride(0) + head * op.query.stride(1);
    T* const output = data_of<T>(op.output) + row * op.output.stride(0) + head * op.output.stride(1);
    const auto at = [&](const PagedCache<const C>& cache, std::int64_t key) {
      return cache.at(blocks[key / cache.positions], head / group, key % cache.positions);
    };
    float highest = -std::numeric_limits<float>::infinity(), sum = 0;
    for (std::int64_t key = begin; key < end; ++key) {
      const C* const from = at(keys, key);
      float dot = 0;
      for (std::int64_t d = 0; d < width; ++d) dot += to_float(query[d]) * to_float(from[d]);
      scores[key] = dot * static_cast<float>(op.scale);
      highest = scores[key] > highest ? scores[key] : highest;
    }
    std::fill_n(sums, width, 0.0F);
    for (std::int64_t key = begin; key < end; ++key) {
      const C* const from = at(values, key);
      const float weight = std::exp(scores[key] - highest);
      sum += weight;
      for (std::int64_t d = 0; d < width; ++d) sums[d] += weight * to_float(from[d]);
    }
    for (std::int64_t d = 0; d < width; ++d) output[d] = from_float<T>(sums[d] / sum);
  }
}

}  // namespace

void compute(const PagedAttention& op, CpuContext& context) {
  const Sequences sequences(op);
  for_dtype(op.query, [&]<class T>(T) {
    for_dtype(op.key_cache, [&]<class C>(C) {
      for (std::int64_t s = 0; s < sequences.count; ++s)
        context.split(sequences.starts[s + 1] - sequences.starts[s], 1,
                      [&](std::int64_t begin, std::int64_t end, int thread) {
                        Arena& arena = context.arena(thread);
                        arena.reset();
                        auto* const scores = arena.take<float>(sequences.lengths[s]);
                        auto* const sums = arena.take<float>(op.query.dim(2));
                        for (std::int64_t n = begin; n < end; ++n)
                          attend<T, C>(op, sequences, s, sequences.starts[s] + n, scores, sums);
                      });
    });
  });
}

}  // namespace scalebench::cpu
