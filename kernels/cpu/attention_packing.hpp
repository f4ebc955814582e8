// The copies that the products of attention work on: without gaps, sizes padded with zeros to multiples of 32.
#pragma once

#include "kernels/cpu/attention_blocks.hpp"
#include "kernels/cpu/context.hpp"
#include "kernels/cpu/transpose.hpp"

namespace scalebench::cpu {

// Calls visit(head of the tensor, row of the block) for each row.
template <class T, class Visit>
void for_each_head(const Tensor& heads, const QueryBlock& block, const Visit& visit) {
  T* const first = data_of<T>(heads) + block.row * heads.stride(0) + block.kv_head * block.group * heads.stride(1);
  for (std::int64_t position = 0; position < block.positions; ++position)
    for (std::int64_t head = 0; head < block.group; ++head)
      visit(first + position * heads.stride(0) + head * heads.stride(1), position * block.group + head);
}

// Calls body(Element{}), what a tensor holds that is worked on as T: fp16 as fp32.
template <class T, class Body>
void for_element_of(const Tensor& tensor, const Body& body) {
  if constexpr (std::is_same_v<T, float>)
    if (tensor.dtype() == DType::f16) return body(Half{});
  body(T{});
}

template <class From, class To>
void copy_converted(const From* from, std::int64_t count, To* to) {
  if constexpr (std::is_same_v<From, To>)
    std::copy(from, from + count, to);
  else
#pragma omp simd
    for (std::int64_t i = 0; i < count; ++i) to[i] = from_float<To>(to_float(from[i]));
}

template <class From, class To>
void copy_padded(const From* from, std::int64_t count, std::int64_t width, To* to) {
  copy_converted(from, count, to);
  std::fill(to + count, to + width, To{});
}

// The heads of a block as [rows, width].
template <class T>
void pack(const Tensor& heads, const AttentionBlocks& blocks, const QueryBlock& block, T* to) {
  for_element_of<T>(heads, [&]<class E>(E) {
    for_each_head<const E>(heads, block, [&](const E* from, std::int64_t row) {
      copy_padded(from, blocks.head_size, blocks.width, to + row * blocks.width);
    });
  });
  std::fill(to + block.rows() * blocks.width, to + padded(block.rows()) * blocks.width, T{});
}

// The opposite of pack().
template <class T>
void unpack(const T* from, const AttentionBlocks& blocks, const QueryBlock& block, const Tensor& heads) {
  for_element_of<T>(heads, [&]<class E>(E) {
    for_each_head<E>(heads, block,
                     [&](E* to, std::int64_t row) { copy_converted(from + row * blocks.width, blocks.head_size, to); });
  });
}

// Right operands. Of the transpose of rows [count, width]: a panel every 32 rows.
template <class T>
void pack_transposed(const T* rows, std::int64_t count, std::int64_t width, T* to) {
  for (std::int64_t row = 0; row < count; row += kPanel)
    transpose_words(rows + row * width, kPanel, width / kPair<T>, to + row * width);
}

// Of the rows [count, width] themselves: a panel every 32 columns.
template <class T>
void pack_panels(const T* rows, std::int64_t count, std::int64_t width, T* to) {
  for (std::int64_t column = 0; column < width; column += kPanel)
    for (std::int64_t row = 0; row < count; row += kPair<T>)
      for (std::int64_t i = column; i < column + kPanel; i += kLanes, to += kLanes * kPair<T>) {
        const T* const from = rows + row * width + i;
        if constexpr (kPair<T> == 2)
          store_words(from, from + width, to);
        else
          store(load<Floats>(from), to);
      }
}

// Keys or values [N, K, D] as [pair][padded T][width].
template <class T>
T* pack_keys(const Tensor& heads, const AttentionBlocks& blocks, CpuContext& context) {
  const std::int64_t width = blocks.width, length = padded(blocks.length);
  T* const packed = context.shared_arena().take<T>(blocks.pairs() * length * width);
  for_element_of<T>(heads, [&]<class E>(E) {
    context.split(blocks.pairs() * length, rows_per_thread(width), [&](std::int64_t begin, std::int64_t end, int) {
      for (std::int64_t i = begin; i < end; ++i) {
        const std::int64_t pair = i / length, position = i % length;
        const std::int64_t row = pair / blocks.kv_heads * blocks.length + position;
        const E* const from =
            data_of<const E>(heads) + row * heads.stride(0) + pair % blocks.kv_heads * heads.stride(1);
        copy_padded(from, position < blocks.length ? blocks.head_size : 0, width, packed + i * width);
      }
    });
  });
  return packed;
}

// The same transposed: [pair][block of kKeys][width][keys].
template <class T>
T* pack_columns(const T* rows, const AttentionBlocks& blocks, CpuContext& context) {
  const std::int64_t width = blocks.width, length = padded(blocks.length), count = blocks.key_blocks();
  T* const packed = context.shared_arena().take<T>(blocks.pairs() * length * width);
  context.split(blocks.pairs() * count, 1, [&](std::int64_t begin, std::int64_t end, int) {
    for (std::int64_t i = begin; i < end; ++i) {
      const std::int64_t first = i % count * AttentionBlocks::kKeys;
      const std::int64_t place = (i / count * length + first) * width;
      if (first < blocks.begin()) continue;
      transpose(rows + place, blocks.keys_from(first), width, packed + place);
    }
  });
  return packed;
}

}  // namespace scalebench::cpu
