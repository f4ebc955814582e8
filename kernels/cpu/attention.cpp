// The forward pass after FlashAttention-2 (Dao 2023), on transposed scores (attention_blocks.hpp): a running maximum
// and sum per query, keys block by block.
#include <limits>

#include "kernels/cpu/attention_blocks.hpp"
#include "kernels/cpu/compute.hpp"

namespace scalebench::cpu {

namespace {

// A maximum that is exceeded by less than this stays the reference of the exponentials (in base 2), so that what was
// summed before is rarely scaled anew; weights up to 2^8 cost no digits.
constexpr float kSlack = 8;

template <class T>
struct Scratch {
  T* query;        // [rows, D]
  float* scores;   // [keys, rows]
  T* weights;      // [keys, rows]
  T* values;       // [D, keys]
  float* output;   // [D, rows]
  float* highest;  // [rows]: of this block of keys
  float* maximum;  // [rows]: weights are 2^(score * scale - maximum)
  float* sum;      // [rows]: of the weights
  float* shrunk;   // [rows]: what earlier sums are multiplied by

  Scratch(Arena& arena, std::int64_t rows, std::int64_t size) {
    constexpr std::int64_t kKeys = AttentionBlocks::kKeys;
    arena.reset();
    query = arena.take<T>(rows * size);
    scores = arena.take<float>(rows * kKeys);
    if constexpr (sizeof(T) == sizeof(float))
      weights = scores;
    else
      weights = arena.take<T>(rows * kKeys);
    values = arena.take<T>(size * kKeys), output = arena.take<float>(rows * size);
    highest = arena.take<float>(rows), maximum = arena.take<float>(rows);
    sum = arena.take<float>(rows), shrunk = arena.take<float>(rows);
    std::fill(maximum, maximum + rows, -std::numeric_limits<float>::infinity());
    std::fill(sum, sum + rows, 0.0F);
  }
};

// A block of keys as a block of queries sees it.
struct View {
  std::int64_t rows, keys, group, ahead;  // ahead: position of the first key - position of the first query
  std::int64_t hidden(std::int64_t key) const { return std::clamp((ahead + key) * group, std::int64_t{0}, rows); }
};

template <class T>
void find_highest(const Scratch<T>& scratch, const View& view) {
  float* const highest = scratch.highest;
  std::fill(highest, highest + view.rows, -std::numeric_limits<float>::infinity());
  for (std::int64_t key = 0; key < view.keys; ++key) {
    const float* const scores = scratch.scores + key * view.rows;
#pragma omp simd
    for (std::int64_t row = view.hidden(key); row < view.rows; ++row)
      highest[row] = scores[row] > highest[row] ? scores[row] : highest[row];
  }
}

// Whether sums of earlier blocks have to be multiplied by `shrunk`.
template <class T>
bool raise_maximum(const Scratch<T>& scratch, std::int64_t rows, float scale) {
  int raised = 0;
#pragma omp simd reduction(| : raised)
  for (std::int64_t row = 0; row < rows; ++row) {
    const float before = scratch.maximum[row], highest = scratch.highest[row] * scale;
    const bool raises = highest > before + kSlack;
    raised |= static_cast<int>(raises);
    scratch.maximum[row] = raises ? highest : before;
    scratch.shrunk[row] = raises ? exp2_below(before - highest) : 1.0F;
    scratch.sum[row] *= scratch.shrunk[row];
  }
  return raised != 0;
}

// May be in place.
template <class T>
void weigh(const Scratch<T>& scratch, const View& view, float scale) {
  const float* const maximum = scratch.maximum;
  float* const sum = scratch.sum;
  for (std::int64_t key = 0; key < view.keys; ++key) {
    const float* const scores = scratch.scores + key * view.rows;
    T* const weights = scratch.weights + key * view.rows;
    const std::int64_t hidden = view.hidden(key);
    std::fill(weights, weights + hidden, from_float<T>(0));
#pragma omp simd
    for (std::int64_t row = hidden; row < view.rows; ++row) {
      const float weight = exp2_below<kExpDegree<T>>(scores[row] * scale - maximum[row]);
      sum[row] += weight;
      weights[row] = from_weight<T>(weight);
    }
  }
}

template <class T>
class Forward {
 public:
  Forward(const Attention& op, CpuContext& context)
      : op_(op),
        context_(context),
        blocks_(op.query, op.key, op.sequence),
        keys_(pack_keys<T>(op.key, blocks_, context)),
        values_(op.value, blocks_, context),
        scale_(static_cast<float>(op.scale) * kLog2E) {}

  // The longest blocks first, so that the threads end together.
  void run() const {
    const std::int64_t pairs = blocks_.pairs(), count = blocks_.query_blocks();
    context_.each(pairs * count, [&](std::int64_t i, int thread) { attend(i % pairs, count - 1 - i / pairs, thread); });
  }

 private:
  void attend(std::int64_t pair, std::int64_t index, int thread) const {
    const QueryBlock block = query_block(blocks_, pair, index);
    const Scratch<T> scratch(context_.arena(thread), block.positions * blocks_.group, blocks_.head_size);
    pack(op_.query, blocks_, block, scratch.query);
    for (std::int64_t key = 0; key < block.end(); key += AttentionBlocks::kKeys)
      visit(block, pair, key, scratch, context_.products(thread));
    store(block, scratch);
  }

  void visit(const QueryBlock& block, std::int64_t pair, std::int64_t key, const Scratch<T>& scratch,
             Products& products) const {
    constexpr DType kT = kDType<T>, kF = DType::f32;
    const std::int64_t rows = block.positions * blocks_.group, size = blocks_.head_size;
    const std::int64_t keys = std::min(AttentionBlocks::kKeys, block.end() - key);
    const std::int64_t place = (pair * blocks_.length + key) * size;
    const View view{rows, keys, blocks_.group, key - block.first};
    products.run({dense(kT, keys, size), transposed(dense(kT, rows, size)), dense(kF, keys, rows)}, keys_ + place,
                 scratch.query, scratch.scores);
    find_highest(scratch, view);
    if (raise_maximum(scratch, rows, scale_) && key > 0) shrink(scratch, rows);
    weigh(scratch, view, scale_);
    const T* const columns = values_.columns_of(place, keys, blocks_.keys_from(key), size, scratch.values);
    products.run({dense(kT, size, keys), dense(kT, keys, rows), dense(kF, size, rows), key > 0}, columns,
                 scratch.weights, scratch.output);
  }

  void shrink(const Scratch<T>& scratch, std::int64_t rows) const {
    for (std::int64_t d = 0; d < blocks_.head_size; ++d) {
      float* const output = scratch.output + d * rows;
#pragma omp simd
      for (std::int64_t row = 0; row < rows; ++row) output[row] *= scratch.shrunk[row];
    }
  }

  void store(const QueryBlock& block, const Scratch<T>& scratch) const {
    const std::int64_t rows = block.positions * blocks_.group;
    for (std::int64_t row = 0; row < rows; ++row) scratch.shrunk[row] = 1.0F / scratch.sum[row];
    shrink(scratch, rows);
    transpose(scratch.output, blocks_.head_size, rows, scratch.query);
    unpack(scratch.query, blocks_, block, op_.output);
    const Tensor column = op_.log_sum_exp.split(1, 1);  // [N, A, 1]
    for_each_head<float>(column, blocks_, block, [&](float* to, std::int64_t row) {
      *to = scratch.maximum[row] * kLn2 + std::log(scratch.sum[row]);
    });
  }

  const Attention& op_;
  CpuContext& context_;
  AttentionBlocks blocks_;
  const T* keys_;  // [pair][T][D]
  PackedKeys<T> values_;
  float scale_;  // times log2(e): exponentials are of base 2
};

}  // namespace

void compute(const Attention& op, CpuContext& context) {
  context.shared_arena().reset();
  for_dtype(op.query, [&]<class T>(T) { Forward<T>(op, context).run(); });
}

}  // namespace scalebench::cpu
