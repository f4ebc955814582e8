#include "kernels/cpu/attention_blocks.hpp"

#include <bit>

#include "base/check.hpp"

namespace scalebench::cpu {

namespace {

std::int64_t positions_of(std::int64_t group) {
  const std::int64_t most = std::clamp<std::int64_t>(AttentionBlocks::kRows / group, 16, AttentionBlocks::kKeys);
  return static_cast<std::int64_t>(std::bit_floor(static_cast<std::uint64_t>(most)));
}

}  // namespace

AttentionBlocks::AttentionBlocks(const Tensor& query, const Tensor& key, std::int64_t sequence, std::int64_t window_)
    : sequences(query.dim(0) / sequence),
      length(sequence),
      kv_heads(key.dim(1)),
      group(query.dim(1) / kv_heads),
      head_size(query.dim(2)),
      positions(positions_of(group)),
      width(padded(head_size)),
      window(window_ == 0 ? length : std::min(window_, length)) {
  ensure(query.dim(0) == sequences * length && query.dim(1) == kv_heads * group && key.dim(2) == head_size &&
             key.dim(0) == query.dim(0) && window_ >= 0 && query.stride(2) == 1 && key.stride(2) == 1,
         "attention of {} and {} with sequences of {} and a window of {}", to_string(query), to_string(key), sequence,
         window_);
}

AttentionBlocks::AttentionBlocks(const Tensor& query, const Tensor& cache, std::int64_t first, std::int64_t rows,
                                 std::int64_t keys, std::int64_t window_)
    : sequences(1),
      length(keys),
      kv_heads(cache.dim(1)),
      group(query.dim(1) / kv_heads),
      head_size(query.dim(2)),
      positions(positions_of(group)),
      width(padded(head_size)),
      window(window_ == 0 ? length : std::min(window_, length)),
      origin(length - rows),
      first_row(first) {}

QueryBlock query_block(const AttentionBlocks& blocks, std::int64_t pair, std::int64_t index) {
  const std::int64_t ahead = index * blocks.positions, first = blocks.origin + ahead;
  return {.first = first,
          .row = blocks.first_row + pair / blocks.kv_heads * blocks.length + ahead,
          .positions = std::min(blocks.positions, blocks.length - first),
          .kv_head = pair % blocks.kv_heads,
          .group = blocks.group,
          .window = blocks.window};
}

}  // namespace scalebench::cpu
