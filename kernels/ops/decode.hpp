// Decode: N rows of S sequences, whose keys and values lie in blocks of P positions each, anywhere in a cache [blocks,
// K, P, D]; the table blocks[s, m] says where the positions [m P, (m + 1) P) of sequence s are.
#pragma once

#include <cstdint>
#include <memory>
#include <string_view>
#include <vector>

#include "base/tensor.hpp"
#include "base/timeline.hpp"

namespace scalebench {

// to = the host's numbers: what changes from step to step.
struct Upload {
  static constexpr std::string_view name = "upload";
  static constexpr Part part = Part::input;
  std::shared_ptr<const std::vector<std::int32_t>> values{};
  Tensor to;  // i32, contiguous, as many
  void operands(auto&& see) const { see.writes(to); }
};

// tokens[n] = origins[n] < 0 ? given[n] : max(sampled[origins[n]], 0): ids of prompts, or what the step before drew.
struct NextTokens {
  static constexpr std::string_view name = "next_tokens";
  static constexpr Part part = Part::input;
  Tensor given, origins;  // i32 [N]
  Tensor sampled;         // i32 [S]
  Tensor tokens;          // i32 [N]
  void operands(auto&& see) const { see.reads(given, origins, sampled), see.writes(tokens); }
};

// Keys and values of N rows, converted to the cache's dtype, put at slots[n] = block * P + place; nowhere where that is
// negative.
struct StoreKeyValue {
  static constexpr std::string_view name = "store_key_value";
  static constexpr Part part = Part::compute;
  Tensor key, value;              // [N, K, D], rows may have a pitch
  Tensor slots;                   // i32 [N]
  Tensor key_cache, value_cache;  // [blocks, K, P, D], fp32, bf16 or fp16
  double bytes() const {
    return static_cast<double>(key.bytes() + value.bytes()) +
           2.0 * static_cast<double>(key.count()) * static_cast<double>(size_of(key_cache.dtype()));
  }
  void operands(auto&& see) const { see.reads(key, value, slots), see.writes(key_cache, value_cache); }
};

// Causal grouped-query attention over the cache. The rows starts[s] .. starts[s + 1] are the last of the lengths[s]
// positions of sequence s; with a window, position t sees (t - window, t], and blocks wholly before that may be gone.
struct PagedAttention {
  static constexpr std::string_view name = "attention_paged";
  static constexpr Part part = Part::compute;
  Tensor query;                   // [N, A, D], rows may have a pitch
  Tensor key_cache, value_cache;  // [blocks, K, P, D]; A a multiple of K
  Tensor starts, lengths;         // i32 [S + 1], [S]
  Tensor blocks;                  // i32 [S, M]
  Tensor output;                  // [N, A, D] like query
  double scale{};                 // 1 / sqrt(D)
  std::int64_t window{};          // 0: none
  // What the host knows of: pairs of a query and a key that it sees; keys read; rows of a sequence, at most (0:
  // unknown).
  double pairs{}, keys{};
  std::int64_t most_rows{};
  double flops() const { return 4.0 * pairs * static_cast<double>(query.dim(1) * query.dim(2)); }
  double bytes() const {
    return 2.0 * static_cast<double>(query.bytes()) + 2.0 * keys *
                                                          static_cast<double>(key_cache.dim(1) * key_cache.dim(3)) *
                                                          static_cast<double>(size_of(key_cache.dtype()));
  }
  void operands(auto&& see) const {
    see.reads(query, key_cache, value_cache, starts, lengths, blocks), see.writes(output);
  }
};

// to[s, :] = from[rows[s], :]
struct GatherRows {
  static constexpr std::string_view name = "gather_rows";
  static constexpr Part part = Part::compute;
  Tensor from;  // [N, H]
  Tensor rows;  // i32 [S]
  Tensor to;    // [S, H] like from
  double bytes() const { return 2.0 * static_cast<double>(to.bytes()); }
  void operands(auto&& see) const { see.reads(from, rows), see.writes(to); }
};

// tokens[s] = drawn from the logits, whose vocabulary is cut into parts that follow each other; columns from
// `vocabulary` on are padding. Temperature 0: the best, of equal ones the first. Else the candidates are the top_k best
// (0: all), of these the fewest whose probabilities among them reach top_p, of equal ones the first. Their weights are
// exp((logit - best) / temperature); the token is the first, in the order of ids, at which the running sum of weights
// exceeds random_uniform(random_bits(seed, requests[s]), positions[s]) of the whole sum. A row that holds a NaN or
// whose best is not finite gives -1.
struct DrawTokens {
  static constexpr std::string_view name = "draw_tokens";
  static constexpr Part part = Part::compute;
  Tensor logits;               // [parts, S, V / parts], fp32, bf16 or fp16
  Tensor requests, positions;  // i32 [S]
  Tensor tokens;               // i32 [S]
  std::int64_t vocabulary{};
  double temperature{};
  std::int64_t top_k{};
  double top_p = 1;
  std::uint64_t seed{};
  void operands(auto&& see) const { see.reads(logits, requests, positions), see.writes(tokens); }
};

}  // namespace scalebench
