// What the libraries of a GPU take of its memory beside the tensors of a step, and its kernels where it is much:
// bounds, for dry runs. What is not counted is in the share of a GPU that runs leave free.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <type_traits>

#include "kernels/ops.hpp"

namespace scalebench {

// As far as it decides on workspaces.
struct GpuKind {
  int capability{};  // 90 for 9.0
  double memory{};   // bytes
};

// Of cuBLASLt, bytes: what PyTorch gives it on Hopper; more brings nothing there (pytorch#120925).
inline constexpr std::size_t kProductWorkspace = std::size_t{32} << 20;
// Of a GPU's memory, what attention by cuDNN may have; where it would want more, our own computes.
inline constexpr double kShareForAttention = 0.02;

struct AttentionSizes {
  bool backward = false;
  std::int64_t sequences{}, length{}, heads{}, size{};
};

// Bytes that attention by cuDNN 9 takes at most, in bf16 or fp16. Source: what it asks for on each architecture;
// tests/cuda/cudnn holds this against it. Gradients before they are rounded or summed over the heads of a group, fp32
// or (9.0, 10.0) in part bf16; one number a row.
inline std::int64_t workspace_of(const AttentionSizes& a, int capability) {
  constexpr std::int64_t kOther = 1 << 20, kOtherForward = 4096;
  if (!a.backward) return kOtherForward;
  const std::int64_t rows = a.sequences * a.heads * a.length;
  return rows * a.size * (capability == 90 || capability == 100 ? 8 : 12) + rows * 4 + kOther;
}

// Of an operation as a GPU runs it, with log_sum_exp as cuDNN lays it. fp32 is our own kernels'.
template <class Op>
requires(std::is_same_v<Op, Attention> || std::is_same_v<Op, AttentionBackward>) std::int64_t
    workspace_of(const Op& op, const GpuKind& gpu) {
  if (op.query.dtype() == DType::f32) return 0;
  const AttentionSizes sizes{.backward = std::is_same_v<Op, AttentionBackward>,
                             .sequences = op.query.dim(0) / op.sequence,
                             .length = op.sequence,
                             .heads = op.query.dim(1),
                             .size = op.query.dim(2)};
  const auto most = static_cast<std::int64_t>(kShareForAttention * gpu.memory);
  return std::min(workspace_of(sizes, gpu.capability), most) + 4 * op.log_sum_exp.count();
}

// Parts that a sequence of paged attention is cut into at most: blocks of all its key-value heads fill a GPU.
inline std::int64_t most_parts_of(const PagedAttention& op) {
  return std::clamp<std::int64_t>(512 / op.key_cache.dim(1), 8, 128);
}
// Sums of values of each part, their weights: fp32 [S, A, parts, D + 2].
inline std::int64_t workspace_of(const PagedAttention& op, const GpuKind& /*gpu*/) {
  constexpr std::int64_t kLeastKeys = 64;  // of a part
  const std::int64_t widest = (op.blocks.columns() * op.key_cache.dim(2) + kLeastKeys - 1) / kLeastKeys;
  return op.lengths.count() * op.query.dim(1) * std::min(most_parts_of(op), widest) * (op.query.dim(2) + 2) * 4;
}

}  // namespace scalebench
