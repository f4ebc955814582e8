// The forward pass after FlashAttention-2 (Dao 2023), on transposed scores (attention_blocks.hpp): a running reference
// and sum per query, keys block by block.
#pragma once

#include <cmath>

#include "kernels/cpu/attention_packing.hpp"
#include "kernels/cpu/attention_softmax.hpp"

namespace scalebench::cpu {

struct AttentionOperands {
  const Tensor &query, &output;
  Tensor log_sum_exp;  // may be undefined
  double scale;
};

template <class T>
struct AttentionScratch {
  T *rows, *query;         // [rows, width]; its transpose in panels
  float* scores;           // [keys, 32]
  T* weights;              // [keys / pair, 32, pair]
  float* output;           // [panel][width][32]
  float *reference, *sum;  // [rows]

  AttentionScratch(Arena& arena, std::int64_t count, std::int64_t width) {
    arena.reset();
    rows = arena.take<T>(count * width), query = arena.take<T>(count * width);
    scores = arena.take<float>(kPanel * AttentionBlocks::kKeys);
    weights = arena.take<T>(kPanel * AttentionBlocks::kKeys);
    output = arena.take<float>(count * width);
    reference = arena.take<float>(count), sum = arena.take<float>(count);
  }
};

template <class T>
class AttentionForward {
 public:
  AttentionForward(const AttentionBlocks& blocks, const AttentionOperands& on, const T* keys, const T* values,
                   CpuContext& context)
      : on_(on),
        context_(context),
        blocks_(blocks),
        keys_(keys),
        values_(values),
        scale_(static_cast<float>(on.scale) * kLog2E),
        start_(blocks_.window < blocks_.length ? kNoneYet : kHidden) {}

  // The longest blocks first, so that the threads end together.
  void run() const {
    const std::int64_t pairs = blocks_.pairs(), count = blocks_.query_blocks();
    context_.each(pairs * count, [&](std::int64_t i, int thread) { attend(i % pairs, count - 1 - i / pairs, thread); });
  }

 private:
  void attend(std::int64_t pair, std::int64_t index, int thread) const {
    const QueryBlock block = query_block(blocks_, pair, index);
    const AttentionScratch<T> scratch(context_.arena(thread), blocks_.rows(), blocks_.width);
    const BlockProducts<T> products;
    pack(on_.query, blocks_, block, scratch.rows);
    pack_transposed(scratch.rows, padded(block.rows()), blocks_.width, scratch.query);
    for (std::int64_t key = block.begin(block.first); key < block.end(); key += AttentionBlocks::kKeys)
      for (std::int64_t panel = 0; panel < panels(block.rows()); ++panel)
        visit({block, panel, key}, pair, scratch, products);
    store(block, scratch);
  }

  void visit(const View& view, std::int64_t pair, const AttentionScratch<T>& scratch,
             const BlockProducts<T>& products) const {
    if (view.keys == 0) return;
    const std::int64_t width = blocks_.width, row = view.panel * kPanel;
    const std::int64_t place = (pair * padded(blocks_.length) + view.first) * width;
    float* const output = scratch.output + row * width;
    products.run({keys_ + place, width, kPanel}, {scratch.query + row * width, panels(width)},
                 {scratch.scores, kPanel, panels(view.keys), false});
    hide(view, kHidden, scratch.scores);
    Softmax softmax(scratch.reference + row, scratch.sum + row, view.starts(), start_);
    if (softmax.raise(scratch.scores, view.keys, scale_)) softmax.shrink(output, width);
    softmax.weigh(scratch.scores, view.keys, scale_, scratch.weights);
    products.run({values_ + place, blocks_.keys_from(view.first), kPanel}, {scratch.weights, panels(view.keys)},
                 {output, kPanel, panels(width), !view.starts()});
  }

  void store(const QueryBlock& block, const AttentionScratch<T>& scratch) const {
    const std::int64_t width = blocks_.width;
    for (std::int64_t row = 0; row < block.rows(); row += kPanel) {
      float* const output = scratch.output + row * width;
      scale_columns(output, width, reciprocal(load_row(scratch.sum + row)));
      transpose(output, width, kPanel, scratch.rows + row * width);
    }
    unpack(scratch.rows, blocks_, block, on_.output);
    if (!on_.log_sum_exp.defined()) return;
    const Tensor column = on_.log_sum_exp.split(1, 1);  // [N, A, 1]
    for_each_head<float>(column, block, [&](float* to, std::int64_t row) {
      *to = scratch.reference[row] * kLn2 + std::log(scratch.sum[row]);
    });
  }

  const AttentionOperands& on_;
  CpuContext& context_;
  const AttentionBlocks& blocks_;
  const T *keys_, *values_;  // [pair][padded T][width], [pair][block of keys][width][keys]
  float scale_;              // times log2(e): exponentials are of base 2
  float start_;              // without a window, rows that see but infinities become NaN
};

}  // namespace scalebench::cpu
