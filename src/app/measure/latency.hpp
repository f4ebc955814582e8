// From requests and tokens to latencies, goodput and throughput, as metrics.md defines them: arithmetic alone.
#pragma once

#include <span>

#include "app/measure/decode_results.hpp"
#include "spec/serving.hpp"

namespace scalebench {

// Fills in what follows from `served` and `tokens`; requests that were not answered count for `good_share` alone.
//
// TTFT = first token - arrival. TPOT = (end - first token) / (tokens - 1), not of a single token. ITL_gap: all gaps
// between tokens, pooled. ITL_tok: gap / tokens in the chunk; a step gives a sequence one token, so the same numbers.
// E2EL = end - arrival. The steady window: from the first end of any request to the last arrival.
void summarise_latency(DecodeResults& results, std::span<const LatencyLimit> limits);

}  // namespace scalebench
