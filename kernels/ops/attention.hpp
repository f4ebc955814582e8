// Attention over whole sequences, forward and backward.
#pragma once

#include <cstdint>
#include <string_view>

#include "base/tensor.hpp"
#include "base/timeline.hpp"

namespace scalebench {

// Pairs of a query and a key that it sees, in one sequence. Without a window the `megatron` convention: half the
// square.
inline double visible_pairs(std::int64_t sequence, std::int64_t window) {
  const auto length = static_cast<double>(sequence), width = static_cast<double>(window);
  return window == 0 || window >= sequence ? length * length / 2 : width * (width + 1) / 2 + (length - width) * width;
}

// Of all heads and sequences, `products` times [1, D] [D, 1] a pair.
inline double attention_flops(const Tensor& query, std::int64_t sequence, std::int64_t window, double products) {
  return 2.0 * products * static_cast<double>(query.count()) / static_cast<double>(sequence) *
         visible_pairs(sequence, window);
}

// Causal grouped-query attention; never stores T x T scores. log_sum_exp[n, a] is of the scaled scores of row n.
// With a window, position t sees the keys (t - window, t] (Mistral: Jiang et al. 2023).
struct Attention {
  static constexpr std::string_view name = "attention";
  static constexpr Part part = Part::compute;
  Tensor query;             // [N, A, D], rows may have a pitch
  Tensor key, value;        // [N, K, D], rows may have a pitch; A a multiple of K
  Tensor output;            // [N, A, D] like query
  Tensor log_sum_exp;       // fp32 [N, A]
  std::int64_t sequence{};  // T
  double scale{};           // 1 / sqrt(D)
  std::int64_t window{};    // 0: none
  double flops() const { return attention_flops(query, sequence, window, 2); }
  void operands(auto&& see) const { see.reads(query, key, value), see.writes(output, log_sum_exp); }
};

// Gradients of Attention; scores are computed again from log_sum_exp (Dao et al. 2022). The extra product that this
// costs is not counted in flops(): 2 x forward, as model FLOPs are counted.
struct AttentionBackward {
  static constexpr std::string_view name = "attention_backward";
  static constexpr Part part = Part::compute;
  Tensor query, key, value, output, log_sum_exp;  // as Attention
  Tensor d_output;                                // [N, A, D]
  Tensor d_query, d_key, d_value;                 // like query, key, value
  std::int64_t sequence{};
  double scale{};
  std::int64_t window{};
  double flops() const { return attention_flops(query, sequence, window, 4); }
  void operands(auto&& see) const {
    see.reads(query, key, value, output, log_sum_exp, d_output), see.writes(d_query, d_key, d_value);
  }
};

}  // namespace scalebench
