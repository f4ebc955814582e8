#include "app/job_serving.hpp"

#include <algorithm>
#include <cmath>

#include <fmt/format.h>

#include "app/inputs/request_file.hpp"
#include "base/check.hpp"

namespace scalebench {

namespace {

constexpr std::int64_t kTurns = 4;  // requests, where nobody says how many: so many for each that is under way
constexpr std::int64_t kAlone = 8;  // requests of each replica, one at a time
constexpr double kTimesOfLimit = 10;
constexpr double kLeastOfArrivals = 5;  // s that the requests of an open loop take to come, so that a rate is judged

// What was said for all points; what is swept is set for each.
ServingPlan serving_of(const Options& o, const Workload& workload, const ParallelPlan& plan) {
  ServingPlan s = workload.serving;
  const auto take = [](auto& to, const auto& from) {
    if (from) to = *from;
  };
  take(s.input, o.input_tokens);
  take(s.output, o.output_tokens);
  take(s.prefill_chunk, o.prefill_chunk);
  take(s.kv_bytes, o.kv_memory);
  take(s.ignore_eos, o.ignore_eos);
  take(s.sampling.temperature, o.temperature);
  take(s.sampling.top_k, o.top_k);
  take(s.sampling.top_p, o.top_p);
  s.kv_dtype = o.kv_dtype.value_or(plan.dtype);
  if (o.weight_dtype && size_of(*o.weight_dtype) == 1) s.weight_dtype = o.weight_dtype;
  s.limits = o.goodput;
  return s;
}

std::vector<ServingPlan> swept(const Options& o, const ServingPlan& all) {
  std::vector<ServingPlan> plans;
  const auto set_batch = [](ServingPlan& s, int batch) { s.batch = batch; };
  const auto set_concurrency = [](ServingPlan& s, int concurrency) { s.concurrency = concurrency; };
  const auto set_rate = [](ServingPlan& s, double rate) { s.arrivals = Arrivals::open, s.request_rate = rate; };
  ServingPlan base = all;  // of what has one value, which then isn't a sweep
  if (o.batch.size() == 1) set_batch(base, o.batch.front());
  if (o.concurrency.size() == 1) set_concurrency(base, o.concurrency.front());
  if (o.request_rate.size() == 1) set_rate(base, o.request_rate.front());
  if (o.trace) base.arrivals = Arrivals::listed;
  const auto from_base = [&](const auto& values, auto set) {
    for (const auto value : values) set(plans.emplace_back(base), value);
  };
  if (o.batch.size() > 1) from_base(o.batch, set_batch);
  if (o.concurrency.size() > 1) from_base(o.concurrency, set_concurrency);
  if (o.request_rate.size() > 1) from_base(o.request_rate, set_rate);
  if (plans.empty()) plans.push_back(base);
  return plans;
}

void settle(const Options& o, ServingPlan& s, const ServingSources& sources, int dp) {
  if (s.concurrency == 0) s.concurrency = s.batch * dp;
  const std::int64_t under_way = s.arrivals == Arrivals::closed ? s.concurrency : std::int64_t{s.batch} * dp;
  if (!sources.trace.empty())
    s.requests = std::ssize(sources.trace);
  else if (o.requests)
    s.requests = *o.requests;
  else if (!sources.prompts.empty())
    s.requests = std::ssize(sources.prompts);
  else if (s.requests == 0)
    s.requests = kTurns * under_way;
  if (s.arrivals == Arrivals::closed && s.concurrency < dp)
    fail(Exit::bad_input,
         "--concurrency {} with dp {} (each replica needs a request at a time) start fewer ranks, cut the layers over "
         "more "
         "of them with --tp, or write --concurrency {}",
         s.concurrency, dp, dp);
}

}  // namespace

ServingSources sources_of(const Options& o, const Workload& workload, const ModelSpec& model) {
  const std::int64_t answer = o.output_tokens.value_or(workload.serving.output).most();
  ServingSources sources;
  if (o.trace) sources.trace = read_trace(*o.trace, model.max_sequence);
  if (o.prompt_tokens)
    sources.prompts = read_prompt_file(*o.prompt_tokens, model.vocabulary, model.max_sequence - answer);
  return sources;
}

std::vector<ServingPlan> serving_plans(const Options& o, const Workload& workload, const ParallelPlan& plan,
                                       const ServingSources& sources) {
  std::vector<ServingPlan> plans = swept(o, serving_of(o, workload, plan));
  for (ServingPlan& serving : plans) {
    if (o.find_rate) serving.concurrency = plan.dp;  // so no request waits for another
    settle(o, serving, sources, plan.dp);
    if (o.find_rate) serving.requests = kAlone * plan.dp;
  }
  return plans;
}

PointPlan at_rate(const Options& o, const Workload& workload, PointPlan point, double rate) {
  Assignment& a = point.assignment;
  ServingPlan& s = a.serving;
  s.arrivals = Arrivals::open;
  s.request_rate = rate;
  s.requests = workload.serving.requests;
  settle(o, s, a.sources, a.plan.dp);
  double seconds = kLeastOfArrivals;  // and so long that a queue which grows is seen to grow beyond the limits
  for (const LatencyLimit& limit : s.limits) seconds = std::max(seconds, kTimesOfLimit * limit.seconds);
  if (!o.requests) s.requests = std::max(s.requests, static_cast<std::int64_t>(std::ceil(rate * seconds)));
  return point;
}

std::string text_of(const std::vector<LatencyLimit>& limits) {
  std::string text;
  for (const LatencyLimit& limit : limits)
    text += fmt::format("{}{}:{:g}", text.empty() ? "" : ",", name_of(limit.metric), limit.seconds);
  return text;
}

}  // namespace scalebench
