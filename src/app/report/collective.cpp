#include "app/report/collective.hpp"

#include <cmath>

#include <fmt/format.h>

#include "app/report/gpu.hpp"
#include "base/units.hpp"

namespace scalebench {

namespace {

std::string text_of(const Measurement& m, const std::string& name) { return std::get<std::string>(m.plan.at(name)); }

std::string column_group(const Point* p) {
  if (p == nullptr) return fmt::format("{:>10} {:>8} {:>8} {:>6}", "-", "-", "-", "-");
  return fmt::format("{:>10.2f} {:>8.2f} {:>8.2f} {:>6}", p->time * 1e6, p->algbw / 1e9, p->busbw / 1e9,
                     std::isnan(p->wrong) ? "N/A" : fmt::format("{:.0f}", p->wrong));
}

}  // namespace

std::string report_collective(const Measurement& m) {
  const double element = text_of(m, "dtype").ends_with("16") ? 2 : 4;
  std::string text = fmt::format("# {} on {} ranks, {}; time is the mean over ranks of calls back to back\n",
                                 m.workload, m.points.empty() ? 0 : m.points.back().ranks, text_of(m, "dtype"));
  text += fmt::format("# {:>50} {:>36}\n", "out-of-place", "in-place");
  text += fmt::format("# {:>11} {:>12} {:>5} {:>10} {:>8} {:>8} {:>6} {:>10} {:>8} {:>8} {:>6}\n", "size", "count",
                      "redop", "time", "algbw", "busbw", "#wrong", "time", "algbw", "busbw", "#wrong");
  text += fmt::format("# {:>11} {:>12} {:>5} {:>10} {:>8} {:>8} {:>6} {:>10} {:>8} {:>8} {:>6}\n", "(B)", "(elements)",
                      "", "(us)", "(GB/s)", "(GB/s)", "", "(us)", "(GB/s)", "(GB/s)", "");
  double wrong = 0;
  bool checked = false;
  for (std::size_t i = 0; i < m.points.size(); ++i) {
    const Point& out = m.points[i];
    if (!std::isnan(out.wrong)) wrong += out.wrong, checked = true;
    if (out.in_place) continue;
    const Point* in = i + 1 < m.points.size() && m.points[i + 1].in_place ? &m.points[i + 1] : nullptr;
    text += fmt::format("  {:>11.0f} {:>12.0f} {:>5} {} {}\n", out.bytes, out.bytes / element, text_of(m, "reduction"),
                        column_group(&out), column_group(in));
  }
  text += checked ? fmt::format("# wrong elements: {:.0f}{}\n", wrong, wrong == 0 ? "" : "  FAILED")
                  : "# wrong elements: not checked (-c 0)\n";
  if (const std::string gpu = m.points.empty() ? "" : gpu_text(m.points.back()); !gpu.empty())
    text += fmt::format("# GPUs at the last size: {}\n", gpu);
  if (!m.points.empty() && m.points.back().oversubscribed)
    text += "# more threads than cores: shows that it works, not a reference\n";
  return text;
}

}  // namespace scalebench
