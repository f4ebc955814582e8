#include "app/recorder/join.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <optional>
#include <variant>

#include <fmt/format.h>

namespace scalebench {
namespace {

// Of the plan: what follows from the number of ranks.
constexpr std::array kFollowRanks = {"ranks", "dp", "global_batch", "accumulation", "tokens_per_step"};
// Of decode besides: what has a column of its own.
constexpr std::array kInColumns = {"tp", "batch", "concurrency", "requests", "request_rate"};

std::string shown(const Attribute& value) {
  if (const auto* text = std::get_if<std::string>(&value)) return '"' + *text + '"';
  if (const auto* integer = std::get_if<std::int64_t>(&value)) return fmt::format("{}", *integer);
  return fmt::format("{}", std::get<double>(value));
}

bool same(const Attribute& a, const Attribute& b) {
  const double* x = std::get_if<double>(&a);
  const double* y = std::get_if<double>(&b);
  return a == b || (x != nullptr && y != nullptr && std::isnan(*x) && std::isnan(*y));
}

std::string told(const std::string& what, const std::string& found, const std::string& added, const std::string& flag) {
  return fmt::format("{} is {} in the file and {} now (points of one file have the same); {}", what, found, added,
                     flag);
}

// The flag that sets an attribute of the plan.
std::string flag_of(const std::string& name) {
  if (name == "overlap") return "give or leave out --no-overlap";
  for (const char* of_optimizer : {"learning_rate", "beta1", "beta2", "epsilon", "weight_decay", "clip"})
    if (name == of_optimizer) return "give the same --optimizer";
  if (name == "arrivals") return "give the same of --concurrency, --request-rate and --trace";
  std::string flag = name == "bucket_bytes" ? "bucket" : name == "kv_bytes" ? "kv_memory" : name;
  std::ranges::replace(flag, '_', '-');
  return "give the same --" + flag;
}

std::string value_in(const Attributes& attributes, const std::string& name) {
  const auto found = attributes.find(name);
  return found == attributes.end() ? "absent" : shown(found->second);
}

// The first name whose value is not the same in both, among those that are not `ignored`.
template <class Ignored>
std::optional<std::string> differing(const Attributes& a, const Attributes& b, Ignored ignored) {
  Attributes both = a;
  both.insert(b.begin(), b.end());
  for (const auto& [name, value] : both) {
    if (ignored(name)) continue;
    const auto in_a = a.find(name), in_b = b.find(name);
    if (in_a == a.end() || in_b == b.end() || !same(in_a->second, in_b->second)) return name;
  }
  return std::nullopt;
}

std::string differing_threads(const Measurement& found, const Measurement& added) {
  if (found.points.empty()) return "";
  const int threads = found.points.front().threads;
  for (const Point& point : added.points)
    if (point.threads != threads)
      return told("threads", fmt::format("{}", threads), fmt::format("{}", point.threads),
                  fmt::format("give --threads {}", threads));
  return "";
}

const Point* baseline_of(const Measurement& run) {
  const auto found = std::ranges::find(run.points, run.baseline_ranks, &Point::ranks);
  return found == run.points.end() ? nullptr : &*found;
}

// metrics of scaling: strong at a fixed global batch, weak at a fixed batch of a rank.
void set_efficiency(Point& point, const Point& base, bool strong) {
  const double share = static_cast<double>(point.ranks) / base.ranks;
  const double gain = base.step_time.median / point.step_time.median;
  point.efficiency = strong ? gain / share : gain;
  point.speedup = point.efficiency * share;
}

}  // namespace

std::string first_difference(const Measurement& found, const Measurement& added) {
  const auto none = [](const std::string&) { return false; };
  const bool decode = added.plan.contains("arrivals");
  const auto follows = [decode](const std::string& name) {
    return std::ranges::find(kFollowRanks, name) != kFollowRanks.end() ||
           (decode && std::ranges::find(kInColumns, name) != kInColumns.end());
  };
  const auto quoted = [](const std::string& text) { return '"' + text + '"'; };
  if (found.kind != added.kind) return told("kind", found.kind, added.kind, "give the same --device");
  if (const auto a = value_in(found.environment, "device"), b = value_in(added.environment, "device"); a != b)
    return told("device", a, b, "give the same --device");
  if (found.workload != added.workload)
    return told("workload", found.workload, added.workload, "give --workload " + found.workload);
  if (const auto name = differing(found.model, added.model, none))
    return told("model/" + *name, value_in(found.model, *name), value_in(added.model, *name),
                "give the same --model and --layers, and --shrink FILE.h5 to take over the file's");
  if (found.shrunk != added.shrunk)
    return told("shrunk", quoted(found.shrunk), quoted(added.shrunk), "give --shrink FILE.h5 to take over the file's");
  if (const auto name = differing(found.plan, added.plan, follows))
    return told("plan/" + *name, value_in(found.plan, *name), value_in(added.plan, *name), flag_of(*name));
  if (found.scaling != added.scaling) return told("scaling", found.scaling, added.scaling, "give the same --scaling");
  return differing_threads(found, added);
}

Measurement joined(const Measurement& found, Measurement added) {
  added.command = found.command + "\n" + added.command;
  if (!added.found_rate) added.found_rate = found.found_rate;
  if (found.baseline_ranks == 0) return added;
  const Point* base = baseline_of(found);
  added.baseline_ranks = found.baseline_ranks;
  for (Point& point : added.points) {
    if (base != nullptr && (added.scaling == "strong" || added.scaling == "weak")) {
      set_efficiency(point, *base, added.scaling == "strong");
    } else {
      point.speedup = point.efficiency = kUnknown;
    }
  }
  return added;
}

}  // namespace scalebench
