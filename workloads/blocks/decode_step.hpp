// Prefill and decode of requests: each replica's engine, one step after the other.
#pragma once

#include <memory>

#include "workloads/workload.hpp"

namespace scalebench {

std::unique_ptr<Step> make_decode_step(World& world, const Assignment& assignment);

// What sim draws in place of the device: uniform over the vocabulary, a function of (seed, request, position).
std::int32_t simulated_draw(std::uint64_t seed, std::int64_t request, std::int64_t position, std::int64_t vocabulary);

// Blocks of the KV cache on one rank: what the plan's bytes hold, or what `batch` of the longest requests
// need, with answers of 64 tokens at least: those of the marked steps.
std::int64_t blocks_of_cache(const Assignment& assignment);

}  // namespace scalebench
