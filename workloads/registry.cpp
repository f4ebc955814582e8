#include "workloads/registry.hpp"

#include <algorithm>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "base/check.hpp"
#include "base/text.hpp"

namespace scalebench {

namespace {

std::vector<Workload>& registered() {  // function-local: no order of initialisation to get wrong
  static std::vector<Workload> all;
  return all;
}

// Workloads that are to come: their names are known, so that nobody is sent to another one.
constexpr std::string_view kToCome[] = {"all_gather",   "reduce_scatter", "broadcast", "reduce",  "all_to_all",
                                        "all_to_all_v", "gather",         "scatter",   "sendrecv"};

}  // namespace

Register::Register(const Workload& workload) { registered().push_back(workload); }

std::vector<Workload> workloads() {
  std::vector<Workload> all = registered();
  std::sort(all.begin(), all.end(), [](const Workload& a, const Workload& b) { return a.name < b.name; });
  return all;
}

Workload find_workload(std::string_view name) {
  const std::vector<Workload> all = workloads();
  const auto same = [&](const Workload& w) { return w.name == name; };
  if (const auto found = std::find_if(all.begin(), all.end(), same); found != all.end()) return *found;
  if (std::find(std::begin(kToCome), std::end(kToCome), name) != std::end(kToCome))
    fail(Exit::bad_input, "workload {} is not in this version (it comes with later ones) scalebench list shows what is",
         name);
  std::vector<std::string> names;
  for (const Workload& w : all) names.emplace_back(w.name);
  fail(Exit::bad_input, "unknown workload '{}' (there are: {}) did you mean {}?", name, fmt::join(names, ", "),
       fmt::join(nearest(name, names), " or "));
}

}  // namespace scalebench
