// The requests of one replica: prompts, lengths of answers, arrivals. Pure functions of the seed, so that every rank
// has the same ones, and any number of replicas serves the same job.
#pragma once

#include <cstdint>
#include <limits>
#include <vector>

#include "spec/serving.hpp"
#include "workloads/sources.hpp"

namespace scalebench {

struct Request {
  std::int64_t number{};                                      // in the whole job, from 0; replicas are served in turn
  double arrival = std::numeric_limits<double>::quiet_NaN();  // s from the start; closed: not known beforehand
  std::vector<std::int32_t> prompt{};
  std::int64_t output{};  // most tokens of the answer
};

struct Replica {
  int index = 0, count = 1;
  // Of `n` things that are dealt out one by one, those of this replica.
  std::int64_t share(std::int64_t n) const { return n / count + (index < n % count ? 1 : 0); }
};

// Prompts are lines of `sources`, in turn, or else sequences of the synthetic language.
std::vector<Request> requests_of(const ServingPlan& plan, const ServingSources& sources, const Replica& replica,
                                 std::uint64_t seed, std::int64_t vocabulary);

// The longest answer, and the longest request, that there will be, in tokens; of a request prompt and answer.
std::int64_t longest_answer(const ServingPlan& plan, const ServingSources& sources);
std::int64_t longest_request(const ServingPlan& plan, const ServingSources& sources);

}  // namespace scalebench
