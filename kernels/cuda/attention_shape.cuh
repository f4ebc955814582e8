// What the kernels of attention are told of their operands.
#pragma once

#include <algorithm>
#include <cstdint>

#include "kernels/cuda/numbers.cuh"

namespace scalebench::cuda {

// [rows, heads, D], the D numbers of a head beside each other.
template <class T>
struct Heads {
  T* data;
  std::int64_t pitch, head_pitch;
  __device__ T* at(std::int64_t row, std::int64_t head) const { return data + row * pitch + head * head_pitch; }
};

template <class T>
Heads<T> heads_of(const Tensor& tensor) {
  need(tensor.rank() == 3 && (tensor.stride(2) == 1 || tensor.dim(2) == 1), tensor, "where rows of heads are needed");
  return {data_of<T>(tensor), tensor.stride(0), tensor.stride(1)};
}

struct AttentionShape {
  std::int64_t sequences, length, heads, kv_heads, size;
  std::int64_t window;  // of keys that a query sees, itself the last; the whole sequence where there is none
  float scale;

  __host__ __device__ std::int64_t group() const { return heads / kv_heads; }
  __host__ __device__ std::int64_t blocks(std::int64_t each) const { return (length + each - 1) / each; }
  // The first key that the query at `position` sees, and the end of the queries that see the key at `position`.
  __device__ std::int64_t first_key(std::int64_t position) const {
    return position < window ? 0 : position - window + 1;
  }
  __device__ std::int64_t end_query(std::int64_t position) const {
    return position + window < length ? position + window : length;
  }
  __device__ bool sees(std::int64_t query, std::int64_t key) const { return key <= query && query - key < window; }
};

inline AttentionShape shape_of(const Tensor& query, const Tensor& key, std::int64_t sequence, double scale,
                               std::int64_t window) {
  need(query.rank() == 3 && key.rank() == 3, query, "where attention needs [rows, heads, head size]");
  need(sequence > 0 && query.dim(0) % sequence == 0 && key.dim(0) == query.dim(0) && key.dim(2) == query.dim(2) &&
           key.dim(1) > 0 && query.dim(1) % key.dim(1) == 0 && window >= 0,
       query, "of sequences, heads or a window that are not its keys'");
  return {.sequences = query.dim(0) / sequence,
          .length = sequence,
          .heads = query.dim(1),
          .kv_heads = key.dim(1),
          .size = query.dim(2),
          .window = window == 0 ? sequence : std::min(window, sequence),
          .scale = static_cast<float>(scale)};
}

// One block of `each` positions of one sequence and one of its `heads`. Blocks of the same positions lie together, the
// last positions first where `last_first`: those that have the most to do should not begin last.
struct AttentionPlace {
  std::int64_t sequence, head, first;
  __device__ AttentionPlace(const AttentionShape& shape, std::int64_t heads, std::int64_t each, bool last_first) {
    const std::int64_t pairs = shape.sequences * heads, index = blockIdx.x / pairs, pair = blockIdx.x % pairs;
    sequence = pair / heads, head = pair % heads;
    first = (last_first ? shape.blocks(each) - 1 - index : index) * each;
  }
};

// What one block sees of a tensor: one head of one sequence.
template <class T>
struct HeadRows {
  T* data;
  std::int64_t pitch, count, size;
};
template <class T>
__device__ HeadRows<T> rows_of_head(const Heads<T>& heads, const AttentionShape& shape, std::int64_t sequence,
                                    std::int64_t head) {
  return {heads.at(sequence * shape.length, head), heads.pitch, shape.length, shape.size};
}

inline constexpr float kLog2E = 1.44269504F, kLn2 = 0.693147181F;
// The reference of the exponentials (in base 2) before the first key that is seen.
inline constexpr float kNoneYet = -1e30F;

}  // namespace scalebench::cuda
