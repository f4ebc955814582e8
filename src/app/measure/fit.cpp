#include "app/measure/fit.hpp"

#include <vector>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "app/remedies.hpp"
#include "base/check.hpp"
#include "base/units.hpp"

namespace scalebench {

namespace {

// Plans that do, as flags to add; or what lessens the need.
std::string what_would_fit(const Job& job, double available) {
  switch (job.workload.kind) {
    case WorkloadKind::collective:
      return "a smaller -e";
    case WorkloadKind::decode:
      return "a larger --tp, or a smaller --batch";
    case WorkloadKind::training:
      break;
  }
  std::vector<std::string> flags;
  for (const Remedy& remedy : remedies(job, available))
    flags.push_back(remedy.flags.starts_with("--ranks") ? "mpirun -np" + remedy.flags.substr(7) : remedy.flags);
  return flags.empty() ? "more ranks, a shorter --seq, or a smaller model"
                       : fmt::format("{}", fmt::join(flags, ", or "));
}

}  // namespace

void check_fit(const Job& job, const DryRun& expected, double of_device, double of_host) {
  const auto need = static_cast<double>(expected.memory.peak),
             need_of_host = static_cast<double>(expected.host_memory.peak);
  if (need > of_device)
    fail(Exit::unfit, "not enough memory (a rank needs {}, and may take {}) use {}", format_bytes(need),
         format_bytes(of_device), what_would_fit(job, of_device));
  if (need_of_host > of_host)
    fail(Exit::unfit,
         "not enough memory of the host (a rank needs {} of it, and may take {}) use more nodes, share the states out "
         "with "
         "--shard optimizer, or leave --offload out",
         format_bytes(need_of_host), format_bytes(of_host));
}

}  // namespace scalebench
