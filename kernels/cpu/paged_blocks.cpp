// Sequences of many rows, one after the other: keys and values are gathered and packed, then it is Attention.
#include "kernels/cpu/attention_forward.hpp"
#include "kernels/cpu/paged_sequences.hpp"

namespace scalebench::cpu {

namespace {

template <class C, class T>
void convert_padded(const C* from, std::int64_t count, std::int64_t width, T* to) {
#pragma omp simd
  for (std::int64_t d = 0; d < count; ++d) to[d] = from_float<T>(to_float(from[d]));
  std::fill(to + count, to + width, T{});
}

// As pack_keys(): [head][padded T][width]; zeros at positions whose block is gone.
template <class T, class C>
T* gather_keys(const PagedCache<const C>& cache, const PagedSequence& sequence, const AttentionBlocks& blocks,
               CpuContext& context) {
  const std::int64_t width = blocks.width, length = padded(blocks.length), begin = blocks.begin();
  T* const packed = context.shared_arena().take<T>(blocks.kv_heads * length * width);
  const std::int64_t count = length - begin;
  context.split(blocks.kv_heads * count, rows_per_thread(width), [&](std::int64_t first, std::int64_t last, int) {
    for (std::int64_t i = first; i < last; ++i) {
      const std::int64_t head = i / count, position = begin + i % count;
      T* const to = packed + (head * length + position) * width;
      const std::int32_t block = position < blocks.length ? sequence.blocks[position / cache.positions] : -1;
      if (block < 0)
        std::fill_n(to, width, T{});
      else
        convert_padded(cache.at(block, head, position % cache.positions), blocks.head_size, width, to);
    }
  });
  return packed;
}

template <class T, class C>
void attend(const PagedAttention& op, const PagedSequence& sequence, CpuContext& context) {
  const AttentionBlocks blocks(op.query, op.key_cache, sequence.row, sequence.rows, sequence.length, op.window);
  const PagedCache<const C> keys(op.key_cache), values(op.value_cache);
  context.shared_arena().reset();
  const T* const packed = gather_keys<T>(keys, sequence, blocks, context);
  const T* const columns = pack_columns(gather_keys<T>(values, sequence, blocks, context), blocks, context);
  const AttentionOperands on{op.query, op.output, {}, op.scale};
  AttentionForward<T>(blocks, on, packed, columns, context).run();
}

}  // namespace

void attend_in_blocks(const PagedAttention& op, const PagedSequences& sequences, CpuContext& context) {
  for (std::int64_t s = 0; s < sequences.count; ++s) {
    const PagedSequence sequence = sequences[s];
    if (sequence.rows <= kMostRowsAlone) continue;
    for_product_dtype(op.query, [&]<class T>(T) {
      for_dtype(op.key_cache, [&]<class C>(C) { attend<T, C>(op, sequence, context); });
    });
  }
}

}  // namespace scalebench::cpu
