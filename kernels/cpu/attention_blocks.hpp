// How the CPU cuts attention into blocks, and what is visible in them.
//
// A block of queries holds all query heads that share a key-value head, position by position: row = position * G +
// head, G = A / K. So one product serves the whole group, and "visible to the query" is a prefix of the keys. Its rows
// are worked on in panels of 32, whose scores of a block of keys stay in the L1 cache. Scores are held transposed,
// [keys, 32]: maxima and sums then run along registers.
#pragma once

#include <algorithm>

#include "base/tensor.hpp"
#include "kernels/cpu/block_products.hpp"

namespace scalebench::cpu {

struct AttentionBlocks {
  static constexpr std::int64_t kRows = 256;  // of a block of queries: it shares what it reads of the keys
  static constexpr std::int64_t kKeys = 256;

  std::int64_t sequences, length, kv_heads, group, head_size;
  std::int64_t positions;      // of a block of queries
  std::int64_t width;          // head_size, padded
  std::int64_t window;         // of keys that a query sees, itself the last; the whole sequence where there is none
  std::int64_t origin = 0;     // position of the first query: those before it are keys alone
  std::int64_t first_row = 0;  // of the first query in its tensor

  AttentionBlocks(const Tensor& query, const Tensor& key, std::int64_t sequence, std::int64_t window);
  // One sequence of `keys` positions in a paged cache, the last of them `rows` queries from the row `first` on.
  AttentionBlocks(const Tensor& query, const Tensor& cache, std::int64_t first, std::int64_t rows, std::int64_t keys,
                  std::int64_t window);

  std::int64_t query_blocks() const { return (length - origin + positions - 1) / positions; }
  std::int64_t key_blocks() const { return (length + kKeys - 1) / kKeys; }
  std::int64_t keys_from(std::int64_t first) const { return std::min(kKeys, padded(length - first)); }  // of a block
  std::int64_t pairs() const { return sequences * kv_heads; }  // of a sequence and a key-value head
  std::int64_t rows() const { return padded(positions * group); }
  // The first block of keys that the query at `position` sees, and that any does.
  std::int64_t begin(std::int64_t position) const {
    return std::max<std::int64_t>(position - window + 1, 0) / kKeys * kKeys;
  }
  std::int64_t begin() const { return begin(origin); }
};

// One block of queries of one pair.
struct QueryBlock {
  std::int64_t first, row;  // position in the sequence, row in the tensors
  std::int64_t positions, kv_head, group, window;

  std::int64_t end() const { return first + positions; }
  // Of the first block of keys that the query at `position` sees.
  std::int64_t begin(std::int64_t position) const {
    return std::max<std::int64_t>(position - window + 1, 0) / AttentionBlocks::kKeys * AttentionBlocks::kKeys;
  }
  std::int64_t rows() const { return positions * group; }
};

QueryBlock query_block(const AttentionBlocks& blocks, std::int64_t pair, std::int64_t index);

// What a panel of queries sees of the block of keys that begins with `first`.
struct View {
  std::int64_t panel, first, keys;  // padded; 0 where it sees none
  std::int64_t ahead, group;        // rows between the panel's first and the first that sees the first key
  std::int64_t window, begin;       // the first key of the panel's first block of keys

  View(const QueryBlock& block, std::int64_t panel_, std::int64_t key)
      : panel(panel_),
        first(key),
        ahead((key - block.first) * block.group - panel * kPanel),
        group(block.group),
        window(block.window),
        begin(block.begin(block.first + panel * kPanel / group)) {
    const std::int64_t end = std::min(block.first + ((panel + 1) * kPanel - 1) / group + 1, block.end());
    keys = key < begin ? 0 : padded(std::clamp<std::int64_t>(end - key, 0, AttentionBlocks::kKeys));
  }
  bool starts() const { return first == begin; }
  // How many of the panel's first rows don't see this key of the block yet, and behind which row none does any more.
  std::int64_t hidden(std::int64_t key) const { return std::clamp<std::int64_t>(ahead + key * group, 0, kPanel); }
  std::int64_t seen(std::int64_t key) const { return hidden(key + window); }
};

// Scores [keys, 32] that a row must not see become `value`.
inline void hide(const View& view, float value, float* scores) {
  for (std::int64_t key = view.keys - 1; key >= 0 && view.hidden(key) > 0; --key)
    std::fill_n(scores + key * kPanel, view.hidden(key), value);
  for (std::int64_t key = 0; key < view.keys && view.seen(key) < kPanel; ++key)
    std::fill(scores + key * kPanel + view.seen(key), scores + (key + 1) * kPanel, value);
}

}  // namespace scalebench::cpu
