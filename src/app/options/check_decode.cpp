// What must hold between the options of decode.
#include <fmt/format.h>

#include "app/options/names.hpp"
#include "base/check.hpp"

namespace scalebench {

namespace {

// Refuses each of `others` that was given, as `name` was.
void exclude(const Names& names, std::string_view name, std::initializer_list<const char*> others, const char* why) {
  for (const char* other : others)
    if (names.hold(name) && names.hold(other))
      fail(Exit::bad_input, "{} and {} contradict each other ({}) give one of them", names.where(name),
           names.where(other), why);
}

// A trace brings arrivals and lengths, a file of prompts their lengths.
void check_requests(const Names& names) {
  constexpr const char* kArrivals = "each says when requests come";
  exclude(names, "request-rate", {"concurrency", "trace"}, kArrivals);
  exclude(names, "concurrency", {"trace"}, kArrivals);
  exclude(names, "trace", {"requests"}, "each line of the trace is a request");
  exclude(names, "trace", {"input-tokens", "output-tokens", "prompt-tokens"},
          "the trace says how long each request is");
  exclude(names, "prompt-tokens", {"input-tokens"}, "the prompts of the file have their own lengths");
}

// Points differ in one thing.
void check_sweeps(const Options& o, const Names& names) {
  const char* const other = o.concurrency.size() > 1 ? "concurrency" : "request-rate";
  if (o.batch.size() > 1 && (o.concurrency.size() > 1 || o.request_rate.size() > 1))
    fail(Exit::bad_input, "{} and {} are both lists (one of them is swept at a time) give one value for the other",
         names.where("batch"), names.where(other));
}

void check_search(const Options& o, const Names& names) {
  if (!o.find_rate) return;
  const std::string where = names.where("find-rate");
  if (o.goodput.empty())
    fail(Exit::bad_input, "{} without --goodput (no limit says which rate is too high) add for example --goodput {}",
         where, "ttft:200ms,tpot:20ms");
  exclude(names, "find-rate", {"request-rate", "concurrency", "trace"}, "it looks for the rate of requests itself");
  for (const auto& [name, points] : {std::pair("scale", o.scale.size()), std::pair("batch", o.batch.size())})
    if (points > 1)
      fail(Exit::bad_input, "{} with the list of {} (the rates that it tries are the points) give one value of it",
           where, names.where(name));
}

void check_sampling(const Options& o, const Names& names) {
  for (const char* name : {"top-k", "top-p"})
    if (names.hold(name) && o.temperature.value_or(0) == 0)
      fail(Exit::bad_input,
           "{} without a --temperature above 0 (the best token is taken, none is drawn) add for example --temperature "
           "0.7",
           names.where(name));
}

}  // namespace

void check_decode(const Options& options, const Names& names) {
  check_requests(names);
  check_sweeps(options, names);
  check_search(options, names);
  check_sampling(options, names);
}

}  // namespace scalebench
