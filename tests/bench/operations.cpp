#include "tests/bench/operations.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "base/check.hpp"
#include "tests/bench/labels.hpp"
#include "tests/bench/row.hpp"
#include "tests/bench/timing.hpp"

namespace scalebench::bench {

namespace {

bool multiplies(std::string_view operation) {
  return operation == Gemm::name || operation == Attention::name || operation == AttentionBackward::name;
}

}  // namespace

void Cost::add(const Span& span) {
  ++count;
  seconds += span.end - span.start;
  flops += span.flops;
  bytes += span.bytes;
}

Operations::Operations(const Assignment& assignment) : labels_(labels_of_step(assignment)) {}

double Operations::mark(Training& training) {
  Timeline& timeline = training.backend().witness->timeline();
  timeline.record(true);
  const double seconds = time_of([&] { training.run(); });
  timeline.record(false);
  const std::uint8_t lane = training.backend().device->lane().index();
  std::size_t next = 0;
  for (const Span& span : timeline.spans()) {
    if (span.lane != lane) continue;
    ensure(next < labels_.size() && labels_[next].starts_with(span.name), "operation {} of the step is {}", next,
           span.name);
    Kind& kind = kinds_[labels_[next++]];
    kind.cost.add(span);
    kind.multiplies = multiplies(span.name);
  }
  timeline.clear();
  ++steps_;
  seconds_ += seconds;
  return seconds;
}

Cost Operations::memory_bound() const {
  Cost all;
  for (const auto& [label, kind] : kinds_) {
    if (kind.multiplies) continue;
    all.count += kind.cost.count;
    all.seconds += kind.cost.seconds;
    all.bytes += kind.cost.bytes;
  }
  return {all.count / steps_, all.seconds / steps_, 0, all.bytes / steps_};
}

void Operations::print(double gemm_rate, double copy_rate) const {
  std::vector<std::pair<std::string, Kind>> sorted(kinds_.begin(), kinds_.end());
  std::sort(sorted.begin(), sorted.end(),
            [](const auto& a, const auto& b) { return a.second.cost.seconds > b.second.cost.seconds; });
  double spent = 0;
  put_text(fmt::format("  {:<40} {:>5} {:>9} {:>7} {:>15} {:>7}", "operation (' : transposed)", "calls", "ms", "step",
                       "rate", "limit"));
  for (const auto& [label, kind] : sorted) {
    const Cost& c = kind.cost;
    const double rate = (kind.multiplies ? c.flops : c.bytes) / c.seconds;
    put_text(fmt::format("  {:<40} {:>5} {:>9.3f} {:>5.1f} % {:>8.1f} {:<6} {:>5.1f} %", label, c.count / steps_,
                         1e3 * c.seconds / steps_, 100 * c.seconds / seconds_, rate * 1e-9,
                         kind.multiplies ? "GFLOP/s" : "GB/s", 100 * rate / (kind.multiplies ? gemm_rate : copy_rate)));
    spent += c.seconds;
  }
  put_text(fmt::format("  {:<40} {:>5} {:>9.3f} {:>5.1f} %", "between operations", "",
                       1e3 * (seconds_ - spent) / steps_, 100 * (1 - spent / seconds_)));
}

}  // namespace scalebench::bench
