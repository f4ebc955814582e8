// How a decode workload is asked: the requests, how they arrive, how tokens are drawn, what answers in time.
#pragma once

#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/dtype.hpp"

namespace scalebench {

// How many tokens a request has: one number, or drawn for each request.
struct TokenCount {
  enum class Kind : std::uint8_t { fixed, uniform, normal, lognormal };
  Kind kind = Kind::fixed;
  double first = 1;           // the number; the least; the mean; the median
  double second = 0;          // uniform: the most; normal: standard deviation; lognormal: sigma of the logarithm
  std::int64_t most() const;  // that is ever drawn; draws of open-ended laws are cut at 4 x the mean or median
  // Of one request, a pure function of (seed, stream, request); at least 1.
  std::int64_t draw(std::uint64_t seed, std::uint64_t stream, std::int64_t request) const;
  std::string text() const;  // as on the command line: "128", "uniform:64:256", "normal:128:32", "lognormal:128:0.5"
  bool operator==(const TokenCount&) const = default;
};
// Of what text() writes; nothing where it is none of these laws, or where a number or mean is below 1 or above 2^28.
std::optional<TokenCount> parse_token_count(std::string_view text);

// Temperature 0: the best token (greedy). Else softmax(logits / temperature) of the `top_k` best (0: all), cut to the
// fewest of them whose probabilities reach `top_p`.
struct Sampling {
  double temperature = 0;
  std::int64_t top_k = 0;
  double top_p = 1;
  bool operator==(const Sampling&) const = default;
};

enum class LatencyMetric : std::uint8_t { ttft, tpot, itl_gap, itl_tok, e2el };
constexpr std::string_view name_of(LatencyMetric metric) {
  constexpr std::string_view names[] = {"ttft", "tpot", "itl_gap", "itl_tok", "e2el"};
  return names[static_cast<std::size_t>(metric)];
}

// A request is good where each of its values is at most the limit (of gaps: the longest one).
struct LatencyLimit {
  LatencyMetric metric{};
  double seconds{};
  bool operator==(const LatencyLimit&) const = default;
};

// When requests come. closed: so many at a time, the next one as one is answered; open: as a Poisson process, whatever
// is answered; listed: as a trace says.
enum class Arrivals : std::uint8_t { closed, open, listed };
constexpr std::string_view name_of(Arrivals arrivals) {
  constexpr std::string_view names[] = {"closed", "open", "listed"};
  return names[static_cast<std::size_t>(arrivals)];
}

// One line of a trace: s from the start, tokens.
struct TraceLine {
  double arrival{};
  std::int64_t input{}, output{};
};

struct ServingPlan {
  TokenCount input{.first = 128}, output{.first = 128};
  std::int64_t requests = 0;  // of the whole job; a workload's 0: four times as many as are under way at a time
  int batch = 1;              // most sequences in one step, per replica
  Arrivals arrivals = Arrivals::closed;
  int concurrency = 0;               // closed: requests under way, of the whole job; of a workload 0: batch x dp
  double request_rate = 0;           // open: requests/s, of the whole job
  std::int64_t prefill_chunk = 512;  // most prompt tokens in one step, per replica
  std::int64_t kv_bytes = 0;         // of the cache, per rank; 0: what `batch` of the longest requests need
  DType kv_dtype = DType::bf16;
  std::optional<DType> weight_dtype{};  // of matrices, i8 or e4m3; none: as all else
  bool ignore_eos = false;              // answers have their full length
  Sampling sampling{};
  std::vector<LatencyLimit> limits{};  // of goodput; none: every answered request is good
  bool operator==(const ServingPlan&) const = default;
};

// Positions of a block of the paged KV cache.
inline constexpr std::int64_t kBlockPositions = 16;

}  // namespace scalebench
