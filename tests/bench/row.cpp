#include "tests/bench/row.hpp"

#include <cstdio>
#include <vector>

#include <fmt/format.h>

#include "base/units.hpp"

namespace scalebench::bench {

namespace {

constexpr std::string_view kMark = "\x1erow\t";  // no text begins so

std::string with_unit(double value, const std::string& unit) {
  if (unit == "%") return fmt::format("{:.1f} %", 100 * value);
  if (unit == "s") return format_duration(value);
  if (unit == "B/s") return format_rate(value);
  return format_count(value) + unit;
}

std::string bar_of(const Row& row) {
  if (!row.bar) return "";
  return (row.sense == Bar::at_least ? ">= " : "<= ") + with_unit(*row.bar, row.unit);
}

std::vector<std::string> fields_of(const std::string& line) {
  std::vector<std::string> fields(1);
  for (const char c : line)
    if (c == '\t')
      fields.emplace_back();
    else
      fields.back() += c;
  return fields;
}

}  // namespace

std::string heading() { return fmt::format("{:<48} {:>13} {:>12} {:>8}  {}", "", "measured", "bar", "PyTorch", ""); }

std::string formatted(const Row& row) {
  return fmt::format("{:<48} {:>13} {:>12} {:>8}  {:<6}{}", row.name, with_unit(row.value, row.unit), bar_of(row),
                     row.torch,
                     !row.judged()  ? ""
                     : row.passes() ? "pass"
                                    : "BELOW",
                     row.remark);
}

void put(const Row& r) {
  put_text(fmt::format("{}{}\t{:.17g}\t{}\t{}\t{}\t{}\t{}", kMark, r.name, r.value, r.unit,
                       r.bar ? fmt::format("{:.17g}", *r.bar) : "", r.sense == Bar::at_least ? "least" : "most",
                       r.torch, r.remark));
}

void put_text(std::string_view line) {
  fmt::print("{}\n", line);
  std::fflush(stdout);
}

std::optional<Row> row_of(const std::string& line) {
  if (line.rfind(kMark, 0) != 0) return std::nullopt;
  const std::vector<std::string> f = fields_of(line.substr(kMark.size()));
  if (f.size() != 7) return std::nullopt;
  return Row{.name = f[0],
             .value = std::stod(f[1]),
             .unit = f[2],
             .bar = f[3].empty() ? std::nullopt : std::optional(std::stod(f[3])),
             .sense = f[4] == "least" ? Bar::at_least : Bar::at_most,
             .torch = f[5],
             .remark = f[6]};
}

}  // namespace scalebench::bench
