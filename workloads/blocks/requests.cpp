#include "workloads/blocks/requests.hpp"

#include <algorithm>
#include <cmath>

#include "base/random.hpp"
#include "base/synthetic_language.hpp"

namespace scalebench {

namespace {

enum Stream : std::uint64_t { inputs = 101, outputs, arrivals, prompts };

std::int64_t input_of(const ServingPlan& plan, const ServingSources& s, std::uint64_t seed, std::int64_t number) {
  if (!s.trace.empty()) return s.trace[static_cast<std::size_t>(number)].input;
  return plan.input.draw(seed, Stream::inputs, number);
}

std::int64_t output_of(const ServingPlan& plan, const ServingSources& s, std::uint64_t seed, std::int64_t number) {
  if (!s.trace.empty()) return s.trace[static_cast<std::size_t>(number)].output;
  return plan.output.draw(seed, Stream::outputs, number);
}

const std::vector<std::int32_t>& prompt_line(const ServingSources& s, std::int64_t number) {
  return s.prompts[static_cast<std::size_t>(number) % s.prompts.size()];
}

}  // namespace

std::vector<Request> requests_of(const ServingPlan& plan, const ServingSources& sources, const Replica& replica,
                                 std::uint64_t seed, std::int64_t vocabulary) {
  const SyntheticLanguage language(random_bits(seed, Stream::prompts), vocabulary);
  std::vector<Request> requests;
  double arrival = 0;
  for (std::int64_t number = 0; number < plan.requests; ++number) {
    // Gaps of a Poisson process; the first request comes after one, too.
    if (plan.arrivals == Arrivals::open)
      arrival -= std::log1p(-random_uniform(random_bits(seed, Stream::arrivals), static_cast<std::uint64_t>(number))) /
                 plan.request_rate;
    if (plan.arrivals == Arrivals::listed) arrival = sources.trace[static_cast<std::size_t>(number)].arrival;
    if (number % replica.count != replica.index) continue;
    Request& request = requests.emplace_back();
    request.number = number;
    if (plan.arrivals != Arrivals::closed) request.arrival = arrival;
    request.output = output_of(plan, sources, seed, number);
    if (!sources.prompts.empty()) {
      request.prompt = prompt_line(sources, number);
    } else {
      request.prompt.resize(static_cast<std::size_t>(input_of(plan, sources, seed, number)));
      language.write(static_cast<std::uint64_t>(number), request.prompt);
    }
  }
  return requests;
}

std::int64_t longest_answer(const ServingPlan& plan, const ServingSources& sources) {
  std::int64_t longest = sources.trace.empty() ? plan.output.most() : 0;
  for (const TraceLine& line : sources.trace) longest = std::max(longest, line.output);
  return longest;
}

std::int64_t longest_request(const ServingPlan& plan, const ServingSources& sources) {
  std::int64_t input = plan.input.most(), longest = 0;
  if (!sources.trace.empty()) {
    for (const TraceLine& line : sources.trace) longest = std::max(longest, line.input + line.output);
    return longest;
  }
  if (!sources.prompts.empty()) {
    input = 0;
    for (const auto& prompt : sources.prompts) input = std::max(input, std::ssize(prompt));
  }
  return input + plan.output.most();
}

}  // namespace scalebench
