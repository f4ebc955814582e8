// The backward pass after FlashAttention-2 (Dao 2023). Scores are held transposed, [keys, rows of queries], and so is
// the block of d_query: then every product is of two dense matrices, which is what AMX is fast at.
#include <numeric>

#include "kernels/cpu/attention_blocks.hpp"
#include "kernels/cpu/compute.hpp"

namespace scalebench::cpu {

namespace {

// Of one block of queries.
template <class T>
struct Scratch {
  T *query, *d_output;        // [rows, D]
  float *offset, *delta;      // [rows]: log_sum_exp in base 2, sum(d_output * output)
  float *scores, *d_weights;  // [keys, rows]
  T *weights, *d_scores;      // [keys, rows]
  float* d_query;             // [D, rows]
  T* keys;                    // [D, keys]

  Scratch(Arena& arena, std::int64_t rows, std::int64_t size) {
    query = arena.take<T>(rows * size), d_output = arena.take<T>(rows * size);
    offset = arena.take<float>(rows), delta = arena.take<float>(rows);
    scores = arena.take<float>(rows * AttentionBlocks::kKeys),
    d_weights = arena.take<float>(rows * AttentionBlocks::kKeys);
    if constexpr (sizeof(T) == sizeof(float)) {
      weights = scores, d_scores = d_weights;
    } else {
      weights = arena.take<T>(rows * AttentionBlocks::kKeys), d_scores = arena.take<T>(rows * AttentionBlocks::kKeys);
    }
    d_query = arena.take<float>(rows * size);
    keys = arena.take<T>(size * AttentionBlocks::kKeys);
  }
};

// A share of the query blocks of one pair of a sequence and a key-value head, with sums of its own.
struct Share {
  std::int64_t pair, part;
  float *d_key, *d_value;  // [T, D]
};

template <class T>
class Backward {
 public:
  Backward(const AttentionBackward& op, CpuContext& context)
      : op_(op),
        context_(context),
        blocks_(op.query, op.key, op.sequence),
        keys_(op.key, blocks_, context),
        values_(pack_keys<T>(op.value, blocks_, context)),
        parts_(parts(blocks_, context.threads())),
        sums_(context.shared_arena().take<float>(2 * parts_ * op.key.count())) {}

  void run() const {
    const std::int64_t size = blocks_.head_size;
    context_.each(blocks_.pairs() * parts_, [&](std::int64_t i, int thread) {
      const Share share{i / parts_, i % parts_, sums(i), sums(i) + blocks_.length * size};
      differentiate(share, thread);
    });
    store(op_.d_key, 0);
    store(op_.d_value, 1);
  }

 private:
  // Into how many shares the query blocks of a pair are cut: enough that all threads have as much to do, nearly.
  static std::int64_t parts(const AttentionBlocks& blocks, std::int64_t threads) {
    const std::int64_t even = threads / std::gcd(threads, blocks.pairs());
    return std::min(even, (2 * threads + blocks.pairs() - 1) / blocks.pairs());
  }

  float* sums(std::int64_t share) const { return sums_ + share * 2 * blocks_.length * blocks_.head_size; }

  void differentiate(const Share& share, int thread) const {
    std::fill(share.d_key, share.d_key + 2 * blocks_.length * blocks_.head_size, 0.0F);
    Arena& arena = context_.arena(thread);
    arena.reset();
    const Scratch<T> scratch(arena, blocks_.positions * blocks_.group, blocks_.head_size);
    // Dealt out there and back (0 1 2 2 1 0 ...), since later blocks see more keys.
    for (std::int64_t index = 0; index < blocks_.query_blocks(); ++index) {
      const std::int64_t turn = index % (2 * parts_);
      if (share.part == std::min(turn, 2 * parts_ - 1 - turn))
        differentiate(share, query_block(blocks_, share.pair, index), scratch, context_.products(thread));
    }
  }

  void differentiate(const Share& share, const QueryBlock& block, const Scratch<T>& scratch, Products& products) const {
    load(block, scratch);
    for (std::int64_t key = 0; key < block.end(); key += AttentionBlocks::kKeys)
      visit(share, block, key, scratch, products);
    const std::int64_t rows = block.positions * blocks_.group, size = blocks_.head_size;
    transpose(scratch.d_query, size, rows, scratch.query);
    unpack(scratch.query, blocks_, block, op_.d_query);
  }

  void load(const QueryBlock& block, const Scratch<T>& scratch) const {
    const std::int64_t size = blocks_.head_size;
    pack(op_.query, blocks_, block, scratch.query);
    pack(op_.d_output, blocks_, block, scratch.d_output);
    for_each_head<const T>(op_.output, blocks_, block, [&](const T* output, std::int64_t row) {
      const T* const d_output = scratch.d_output + row * size;
      float sum = 0;
      for (std::int64_t d = 0; d < size; ++d) sum += to_float(output[d]) * to_float(d_output[d]);
      scratch.delta[row] = sum;
    });
    const Tensor column = op_.log_sum_exp.split(1, 1);  // [N, A, 1]
    for_each_head<const float>(column, blocks_, block,
                               [&](const float* from, std::int64_t row) { scratch.offset[row] = *from * kLog2E; });
  }

  void visit(const Share& share, const QueryBlock& block, std::int64_t key, const Scratch<T>& scratch,
             Products& products) const {
    constexpr DType kT = kDType<T>, kF = DType::f32;
    const std::int64_t rows = block.positions * blocks_.group, size = blocks_.head_size;
    const std::int64_t keys = std::min(AttentionBlocks::kKeys, block.end() - key);
    const std::int64_t place = (share.pair * blocks_.length + key) * size;
    const ProductShape scores{dense(kT, keys, size), transposed(dense(kT, rows, size)), dense(kF, keys, rows)};
    products.run(scores, keys_.rows + place, scratch.query, scratch.scores);
    products.run(scores, values_ + place, scratch.d_output, scratch.d_weights);
    weigh(block, key, keys, scratch);
    const ProductShape to_keys{dense(kT, keys, rows), dense(kT, rows, size), dense(kF, keys, size), true};
    products.run(to_keys, scratch.weights, scratch.d_output, share.d_value + key * size);
    products.run(to_keys, scratch.d_scores, scratch.query, share.d_key + key * size);
    const T* const columns = keys_.columns_of(place, keys, blocks_.keys_from(key), size, scratch.keys);
    products.run({dense(kT, size, keys), dense(kT, keys, rows), dense(kF, size, rows), key > 0}, columns,
                 scratch.d_scores, scratch.d_query);
  }

  // Weights and the gradients of the scores from scores and the gradients of the weights; both may be in place.
  void weigh(const QueryBlock& block, std::int64_t first, std::int64_t keys, const Scratch<T>& scratch) const {
    const std::int64_t rows = block.positions * blocks_.group;
    const auto scale = static_cast<float>(op_.scale), scale2 = scale * kLog2E;
    for (std::int64_t key = 0; key < keys; ++key) {
      const std::int64_t hidden = std::clamp((first + key - block.first) * blocks_.group, std::int64_t{0}, rows);
      const float *const scores = scratch.scores + key * rows, *const d_weights = scratch.d_weights + key * rows;
      T *const weights = scratch.weights + key * rows, *const d_scores = scratch.d_scores + key * rows;
      std::fill(weights, weights + hidden, from_float<T>(0));
      std::fill(d_scores, d_scores + hidden, from_float<T>(0));
      const float *const offset = scratch.offset, *const delta = scratch.delta;
#pragma omp simd
      for (std::int64_t row = hidden; row < rows; ++row) {
        const float weight = exp2_below<kExpDegree<T>>(scores[row] * scale2 - offset[row]);
        const float d_weight = d_weights[row];
        weights[row] = from_weight<T>(weight);
        d_scores[row] = from_weight<T>(weight * (d_weight - delta[row]) * scale);
      }
    }
  }

  // which: 0 keys, 1 values.
  void store(const Tensor& to, std::int64_t which) const {
    const std::int64_t size = blocks_.head_size, length = blocks_.length;
    context_.split(blocks_.pairs() * length, rows_per_thread(size * parts_),
                   [&](std::int64_t begin, std::int64_t end, int) {
                     for (std::int64_t i = begin; i < end; ++i) {
                       const std::int64_t pair = i / length, position = i % length;
                       const std::int64_t row = pair / blocks_.kv_heads * length + position;
                       T* const head = data_of<T>(to) + row * to.stride(0) + pair % blocks_.kv_heads * to.stride(1);
                       for (std::int64_t d = 0; d < size; ++d) {
                         float sum = 0;
                         for (std::int64_t part = 0; part < parts_; ++part)
                           sum += sums(pair * parts_ + part)[(which * length + position) * size + d];
                         head[d] = from_float<T>(sum);
                       }
                     }
                   });
  }

  const AttentionBackward& op_;
  CpuContext& context_;
  AttentionBlocks blocks_;
  PackedKeys<T> keys_;
  const T* values_;  // [pair][T][D]
  std::int64_t parts_;
  float* sums_;  // [pair][part]: d_key [T, D], d_value [T, D]
};

}  // namespace

void compute(const AttentionBackward& op, CpuContext& context) {
  context.shared_arena().reset();
  for_dtype(op.query, [&]<class T>(T) { Backward<T>(op, context).run(); });
}

}  // namespace scalebench::cpu
