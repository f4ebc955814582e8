#include "kernels/cpu/attention_blocks.hpp"

#include <bit>

#include "base/check.hpp"

namespace scalebench::cpu {

AttentionBlocks::AttentionBlocks(const Tensor& query, const Tensor& key, std::int64_t sequence, std::int64_t window_)
    : sequences(query.dim(0) / sequence),
      length(sequence),
      kv_heads(key.dim(1)),
      group(query.dim(1) / kv_heads),
      head_size(query.dim(2)),
      width(padded(head_size)),
      window(window_ == 0 ? length : std::min(window_, length)) {
  ensure(query.dim(0) == sequences * length && query.dim(1) == kv_heads * group && key.dim(2) == head_size &&
             key.dim(0) == query.dim(0) && window_ >= 0 && query.stride(2) == 1 && key.stride(2) == 1,
         "attention of {} and {} with sequences of {} and a window of {}", to_string(query), to_string(key), sequence,
         window_);
  const auto most = static_cast<std::uint64_t>(std::clamp<std::int64_t>(kRows / group, 16, kKeys));
  positions = static_cast<std::int64_t>(std::bit_floor(most));
}

QueryBlock query_block(const AttentionBlocks& blocks, std::int64_t pair, std::int64_t index) {
  const std::int64_t first = index * blocks.positions;
  return {.first = first,
          .row = pair / blocks.kv_heads * blocks.length + first,
          .positions = std::min(blocks.positions, blocks.length - first),
          .kv_head = pair % blocks.kv_heads,
          .group = blocks.group,
          .window = blocks.window};
}

}  // namespace scalebench::cpu
