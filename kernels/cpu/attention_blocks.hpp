// How the CPU cuts attention into blocks, and the dense copies that its matrix products work on.
//
// A block of queries holds all query heads that share a key-value head, position by position: row = position * G +
// head, G = A / K. So one product serves the whole group, and "visible to the query" is a prefix of the keys.
#pragma once

#include <bit>

#include "kernels/cpu/context.hpp"
#include "kernels/cpu/numbers.hpp"
#include "kernels/cpu/transpose.hpp"

namespace scalebench::cpu {

struct AttentionBlocks {
  static constexpr std::int64_t kRows = 256;  // of a block of queries: scores of 256 x 256 stay in the L2 cache
  static constexpr std::int64_t kKeys = 256;

  std::int64_t sequences, length, kv_heads, group, head_size;
  std::int64_t positions;  // of a block of queries; divides kKeys, so that a block of keys begins at or before it

  AttentionBlocks(const Tensor& query, const Tensor& key, std::int64_t sequence);

  std::int64_t query_blocks() const { return (length + positions - 1) / positions; }
  std::int64_t key_blocks() const { return (length + kKeys - 1) / kKeys; }
  std::int64_t keys_from(std::int64_t first) const { return std::min(kKeys, length - first); }  // of a block
  std::int64_t pairs() const { return sequences * kv_heads; }  // of a sequence and a key-value head
};

// One block of queries of one pair.
struct QueryBlock {
  std::int64_t first, row;  // position in the sequence, row in the tensors
  std::int64_t positions, kv_head;
  std::int64_t end() const { return first + positions; }
};

QueryBlock query_block(const AttentionBlocks& blocks, std::int64_t pair, std::int64_t index);

// Calls visit(head of the tensor, row of the block) for each row.
template <class T, class Visit>
void for_each_head(const Tensor& heads, const AttentionBlocks& blocks, const QueryBlock& block, const Visit& visit) {
  std::int64_t row = 0;
  for (std::int64_t position = 0; position < block.positions; ++position)
    for (std::int64_t head = 0; head < blocks.group; ++head)
      visit(data_of<T>(heads) + (block.row + position) * heads.stride(0) +
                (block.kv_head * blocks.group + head) * heads.stride(1),
            row++);
}

// The heads of a block, row by row without gaps.
template <class T>
void pack(const Tensor& heads, const AttentionBlocks& blocks, const QueryBlock& block, T* to) {
  for_each_head<const T>(heads, blocks, block, [&](const T* from, std::int64_t row) {
    std::copy(from, from + blocks.head_size, to + row * blocks.head_size);
  });
}

// The opposite of pack().
template <class T>
void unpack(const T* from, const AttentionBlocks& blocks, const QueryBlock& block, const Tensor& heads) {
  for_each_head<T>(heads, blocks, block, [&](T* to, std::int64_t row) {
    std::copy(from + row * blocks.head_size, from + (row + 1) * blocks.head_size, to);
  });
}

// Keys or values [N, K, D] as [pair][T][D] without gaps.
template <class T>
T* pack_keys(const Tensor& heads, const AttentionBlocks& blocks, CpuContext& context) {
  T* const packed = context.shared_arena().take<T>(heads.count());
  const std::int64_t size = blocks.head_size;
  context.split(blocks.pairs() * blocks.length, rows_per_thread(size), [&](std::int64_t begin, std::int64_t end, int) {
    for (std::int64_t i = begin; i < end; ++i) {
      const std::int64_t pair = i / blocks.length, position = i % blocks.length;
      const std::int64_t row = pair / blocks.kv_heads * blocks.length + position;
      const T* const from = data_of<const T>(heads) + row * heads.stride(0) + pair % blocks.kv_heads * heads.stride(1);
      std::copy(from, from + size, packed + i * size);
    }
  });
  return packed;
}

// Keys or values, and the same transposed: [pair][block of kKeys][D][keys].
template <class T>
struct PackedKeys {
  const T *rows, *columns;

  PackedKeys(const Tensor& heads, const AttentionBlocks& blocks, CpuContext& context)
      : rows(pack_keys<T>(heads, blocks, context)), columns(pack_columns(heads.count(), blocks, context)) {}

  // [D, keys] of the keys from place = (pair * T + key) * D on; `spare` is used where the block of keys is cut short by
  // the diagonal.
  const T* columns_of(std::int64_t place, std::int64_t keys, std::int64_t whole, std::int64_t size, T* spare) const {
    if (keys == whole) return columns + place;
    transpose(rows + place, keys, size, spare);
    return spare;
  }

 private:
  const T* pack_columns(std::int64_t count, const AttentionBlocks& blocks, CpuContext& context) const {
    T* const to = context.shared_arena().take<T>(count);
    const std::int64_t size = blocks.head_size;
    context.split(blocks.pairs() * blocks.key_blocks(), 1, [&](std::int64_t begin, std::int64_t end, int) {
      for (std::int64_t i = begin; i < end; ++i) {
        const std::int64_t first = i % blocks.key_blocks() * AttentionBlocks::kKeys;
        const std::int64_t place = (i / blocks.key_blocks() * blocks.length + first) * size;
        transpose(rows + place, blocks.keys_from(first), size, to + place);
      }
    });
    return to;
  }
};

template <class T>
inline constexpr DType kDType = sizeof(T) == 2 ? DType::bf16 : DType::f32;

}  // namespace scalebench::cpu
