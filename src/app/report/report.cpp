#include "app/report/report.hpp"

#include <algorithm>
#include <cmath>

#include <fmt/format.h>

#include "app/report/collective.hpp"
#include "app/report/data.hpp"
#include "app/report/decode.hpp"
#include "app/report/training.hpp"

namespace scalebench {

namespace {

struct Loss {
  Phase phase;
  std::string_view words;
};
constexpr std::array kLosses = {Loss{Phase::exposed, "communication that nothing overlaps"},
                                Loss{Phase::interference, "compute slowed by communication beside it"},
                                Loss{Phase::imbalance, "waiting for ranks that came later"},
                                Loss{Phase::bubble, "the pipeline's bubble"},
                                Loss{Phase::optimizer, "the optimizer"},
                                Loss{Phase::input, "input"},
                                Loss{Phase::host, "launching on the host"},
                                Loss{Phase::residue, "time that no part accounts for"}};

}  // namespace

std::string verdict(const Point& point, int cores) {
  if (point.oversubscribed)
    return fmt::format("{} ranks on {} cores ({:.3g} x oversubscribed): shows that it works, not a reference",
                       point.ranks, cores, static_cast<double>(point.ranks * point.threads) / (cores * point.nodes));
  // Interference is the difference of two measurements: it is named only where communication costs time for sure, that
  // is where the whole interval of the step less the muted step lies above 0.
  const bool sure = point.unmuted_less_muted_ci_low > 0;
  const auto share = [&](const Loss& loss) {
    if (loss.phase == Phase::interference && !sure) return 0.0;
    return point.phases[static_cast<std::size_t>(loss.phase)] / point.marked_time;
  };
  const Loss& worst = *std::max_element(kLosses.begin(), kLosses.end(),
                                        [&](const Loss& a, const Loss& b) { return share(a) < share(b); });
  if (!(share(worst) > 0)) return "nothing but compute took time";
  return fmt::format("held back most by {} ({:.1f} % of the step)", worst.words, 100 * share(worst));
}

std::string report(const Measurement& measurement, const Job& job, Format format) {
  if (format != Format::table) return report_data(measurement, format);
  switch (job.workload.kind) {
    case WorkloadKind::training:
      return report_training(measurement, job);
    case WorkloadKind::collective:
      return report_collective(measurement);
    case WorkloadKind::decode:
      break;
  }
  return report_decode(measurement, job);
}

}  // namespace scalebench
