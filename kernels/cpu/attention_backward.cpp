// The backward pass after FlashAttention-2 (Dao 2023), on transposed scores (attention_blocks.hpp).
#include <numeric>

#include "kernels/cpu/attention_packing.hpp"
#include "kernels/cpu/attention_softmax.hpp"
#include "kernels/cpu/compute.hpp"

namespace scalebench::cpu {

namespace {

// A right operand of two products: of rows [rows, width], and of their transpose.
template <class T>
struct Operand {
  T *panels, *transposed;

  Operand(Arena& arena, std::int64_t count) : panels(arena.take<T>(count)), transposed(arena.take<T>(count)) {}
  void fill(const T* rows, std::int64_t count, std::int64_t width) const {
    pack_panels(rows, count, width, panels);
    pack_transposed(rows, count, width, transposed);
  }
};

// Of one block of queries.
template <class T>
struct Scratch {
  T* rows;  // [rows, width]
  Operand<T> query, d_output;
  float *offset, *delta;      // [rows]: log_sum_exp in base 2, sum(d_output * output)
  float *scores, *d_weights;  // [keys, 32]
  T *weights, *d_scores;      // [panel][keys][32]
  T* d_score_pairs;           // [keys / pair, 32, pair]: of one panel
  float* d_query;             // [panel][width][32]

  static constexpr std::int64_t kPanelScores = kPanel * AttentionBlocks::kKeys;
  Scratch(Arena& arena, std::int64_t count, std::int64_t width)
      : rows(arena.take<T>(count * width)), query(arena, count * width), d_output(arena, count * width) {
    offset = arena.take<float>(count), delta = arena.take<float>(count);
    scores = arena.take<float>(kPanelScores), d_weights = arena.take<float>(kPanelScores);
    weights = arena.take<T>(panels(count) * kPanelScores), d_scores = arena.take<T>(panels(count) * kPanelScores);
    d_score_pairs = arena.take<T>(kPanelScores);
    d_query = arena.take<float>(count * width);
  }
};

// A share of the query blocks of one pair of a sequence and a key-value head, with sums of its own.
struct Share {
  std::int64_t pair, part;
  float *d_key, *d_value;  // [padded T, width]
};

template <class T>
class Backward {
 public:
  Backward(const AttentionBackward& op, CpuContext& context)
      : op_(op),
        context_(context),
        blocks_(op.query, op.key, op.sequence, op.window),
        keys_(pack_keys<T>(op.key, blocks_, context)),
        key_columns_(pack_columns(keys_, blocks_, context)),
        values_(pack_keys<T>(op.value, blocks_, context)),
        parts_(parts(blocks_, context.threads())),
        sums_(context.shared_arena().take<float>(2 * blocks_.pairs() * parts_ * sums_count())) {}

  void run() const {
    context_.each(blocks_.pairs() * parts_, [&](std::int64_t i, int thread) {
      differentiate(Share{i / parts_, i % parts_, sums(i, 0), sums(i, 1)}, thread);
    });
    store(op_.d_key, 0, static_cast<float>(op_.scale));
    store(op_.d_value, 1, 1);
  }

 private:
  // Into how many shares the query blocks of a pair are cut: enough that all threads have as much to do, nearly.
  static std::int64_t parts(const AttentionBlocks& blocks, std::int64_t threads) {
    const std::int64_t even = threads / std::gcd(threads, blocks.pairs());
    return std::min(even, (2 * threads + blocks.pairs() - 1) / blocks.pairs());
  }

  std::int64_t sums_count() const { return padded(blocks_.length) * blocks_.width; }
  // which: 0 keys, 1 values.
  float* sums(std::int64_t share, std::int64_t which) const { return sums_ + (2 * share + which) * sums_count(); }

  void differentiate(const Share& share, int thread) const {
    std::fill(share.d_key, share.d_key + 2 * sums_count(), 0.0F);
    Arena& arena = context_.arena(thread);
    arena.reset();
    const Scratch<T> scratch(arena, blocks_.rows(), blocks_.width);
    const BlockProducts<T> products;
    // Dealt out there and back (0 1 2 2 1 0 ...), since later blocks see more keys.
    for (std::int64_t index = 0; index < blocks_.query_blocks(); ++index) {
      const std::int64_t turn = index % (2 * parts_);
      if (share.part == std::min(turn, 2 * parts_ - 1 - turn))
        differentiate(share, query_block(blocks_, share.pair, index), scratch, products);
    }
  }

  void differentiate(const Share& share, const QueryBlock& block, const Scratch<T>& scratch,
                     const BlockProducts<T>& products) const {
    load_block(block, scratch);
    for (std::int64_t key = block.begin(block.first); key < block.end(); key += AttentionBlocks::kKeys) {
      for (std::int64_t panel = 0; panel < panels(block.rows()); ++panel)
        visit({block, panel, key}, share.pair, scratch, products);
      sum_over_queries(share, block, key, scratch, products);
    }
    store_block(block, scratch);
  }

  void load_block(const QueryBlock& block, const Scratch<T>& scratch) const {
    const std::int64_t count = padded(block.rows()), width = blocks_.width;
    pack(op_.query, blocks_, block, scratch.rows);
    scratch.query.fill(scratch.rows, count, width);
    pack(op_.d_output, blocks_, block, scratch.rows);
    scratch.d_output.fill(scratch.rows, count, width);
    std::fill(scratch.offset, scratch.offset + count, 0.0F);
    std::fill(scratch.delta, scratch.delta + count, 0.0F);
    for_element_of<T>(op_.output, [&]<class E>(E) {
      for_each_head<const E>(op_.output, block, [&](const E* output, std::int64_t row) {
        const T* const d_output = scratch.rows + row * width;
        float sum = 0;
        for (std::int64_t d = 0; d < blocks_.head_size; ++d) sum += to_float(output[d]) * to_float(d_output[d]);
        scratch.delta[row] = sum;
      });
    });
    const Tensor column = op_.log_sum_exp.split(1, 1);  // [N, A, 1]
    for_each_head<const float>(column, block,
                               [&](const float* from, std::int64_t row) { scratch.offset[row] = *from * kLog2E; });
  }

  void visit(const View& view, std::int64_t pair, const Scratch<T>& scratch, const BlockProducts<T>& products) const {
    if (view.keys == 0) return;
    const std::int64_t width = blocks_.width, row = view.panel * kPanel;
    const std::int64_t place = (pair * padded(blocks_.length) + view.first) * width;
    const Sums scores{scratch.scores, kPanel, panels(view.keys), false};
    const Sums d_weights{scratch.d_weights, kPanel, panels(view.keys), false};
    products.run({keys_ + place, width, kPanel}, {scratch.query.transposed + row * width, panels(width)}, scores);
    products.run({values_ + place, width, kPanel}, {scratch.d_output.transposed + row * width, panels(width)},
                 d_weights);
    hide(view, kHidden, scratch.scores);
    hide(view, 0, scratch.d_weights);
    weigh(view, scratch);
    products.run({key_columns_ + place, blocks_.keys_from(view.first), kPanel},
                 {d_score_pairs(view, scratch), panels(view.keys)},
                 {scratch.d_query + row * width, kPanel, panels(width), !view.starts()});
  }

  // Those of fp32 are the numbers themselves.
  static const T* d_score_pairs(const View& view, const Scratch<T>& scratch) {
    return kPair<T> == 2 ? scratch.d_score_pairs : scratch.d_scores + view.panel * Scratch<T>::kPanelScores;
  }

  // Weights and the gradients of the scores, not yet times the scale, from scores and the gradients of the weights.
  void weigh(const View& view, const Scratch<T>& scratch) const {
    const float scale = static_cast<float>(op_.scale) * kLog2E;
    T* const weights = scratch.weights + view.panel * Scratch<T>::kPanelScores;
    T* const d_scores = scratch.d_scores + view.panel * Scratch<T>::kPanelScores;
    const Row offset = load_row(scratch.offset + view.panel * kPanel);
    const Row delta = load_row(scratch.delta + view.panel * kPanel);
    for (std::int64_t key = 0; key < view.keys; key += kPair<T>)
      for (std::size_t v = 0; v < kRegisters; ++v) {
        const auto d_score = [&](std::int64_t i) {
          const std::int64_t at = (key + i) * kPanel + v * kLanes;
          const Floats weight = exp2_of_negative<kExpDegree<T>>(load<Floats>(scratch.scores + at) * scale - offset[v]);
          const Floats result = weight * (load<Floats>(scratch.d_weights + at) - delta[v]);
          store_weights(weight, weights + at);
          store_weights(result, d_scores + at);
          return result;
        };
        const auto first = d_score(0);
        if constexpr (kPair<T> == 2)
          store_words(first, d_score(1), scratch.d_score_pairs + key * kPanel + v * kLanes * 2);
      }
  }

  // Key by key, those of 32 queries at a time that see it.
  void sum_over_queries(const Share& share, const QueryBlock& block, std::int64_t key, const Scratch<T>& scratch,
                        const BlockProducts<T>& products) const {
    const std::int64_t width = blocks_.width, count = panels(block.rows());
    constexpr std::int64_t kStep = Scratch<T>::kPanelScores;
    std::int64_t first = 0, end = count;
    while (end > 0 && View(block, end - 1, key).begin > key) --end;
    for (std::int64_t at = 0; at < AttentionBlocks::kKeys; at += kPanel) {
      while (first < end && View(block, first, key).keys <= at) ++first;
      if (first == end) return;
      const std::int64_t from = first * kStep + at * kPanel, to = (key + at) * width;
      for (std::int64_t column = 0; column < width; column += kPanel) {
        const std::int64_t right = (column * count + first * kPanel) * kPanel;
        products.run({scratch.weights + from, kPanel, kStep}, {scratch.d_output.panels + right, end - first},
                     {share.d_value + to + column, width, 1, true});
        products.run({scratch.d_scores + from, kPanel, kStep}, {scratch.query.panels + right, end - first},
                     {share.d_key + to + column, width, 1, true});
      }
    }
  }

  void store_block(const QueryBlock& block, const Scratch<T>& scratch) const {
    const std::int64_t width = blocks_.width;
    for (std::int64_t row = 0; row < block.rows(); row += kPanel) {
      float* const d_query = scratch.d_query + row * width;
      scale_columns(d_query, width, filled_row(static_cast<float>(op_.scale)));
      transpose(d_query, width, kPanel, scratch.rows + row * width);
    }
    unpack(scratch.rows, blocks_, block, op_.d_query);
  }

  void store(const Tensor& to, std::int64_t which, float scale) const {
    const std::int64_t length = blocks_.length, width = blocks_.width;
    context_.split(blocks_.pairs() * length, rows_per_thread(width * parts_),
                   [&](std::int64_t begin, std::int64_t end, int) {
                     for (std::int64_t i = begin; i < end; ++i) {
                       const std::int64_t pair = i / length, position = i % length;
                       const std::int64_t row = pair / blocks_.kv_heads * length + position;
                       float* const sum = sums(pair * parts_, which) + position * width;
                       for (std::int64_t part = 1; part < parts_; ++part)
                         add(sums(pair * parts_ + part, which) + position * width, sum);
                       for_element_of<T>(to, [&]<class E>(E) {
                         E* const head = data_of<E>(to) + row * to.stride(0) + pair % blocks_.kv_heads * to.stride(1);
#pragma omp simd
                         for (std::int64_t d = 0; d < blocks_.head_size; ++d) head[d] = from_float<E>(scale * sum[d]);
                       });
                     }
                   });
  }

  void add(const float* part, float* sum) const {
#pragma omp simd
    for (std::int64_t d = 0; d < blocks_.width; ++d) sum[d] += part[d];
  }

  const AttentionBackward& op_;
  CpuContext& context_;
  AttentionBlocks blocks_;
  const T *keys_, *key_columns_, *values_;  // [pair][padded T][width], [pair][block of keys][width][keys]
  std::int64_t parts_;
  float* sums_;  // [pair][part]: d_key [padded T, width], d_value
};

}  // namespace

void compute(const AttentionBackward& op, CpuContext& context) {
  context.shared_arena().reset();
  for_product_dtype(op.query, [&]<class T>(T) { Backward<T>(op, context).run(); });
}

}  // namespace scalebench::cpu
