#include "app/report/data.hpp"

#include <algorithm>
#include <cmath>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "app/recorder/columns.hpp"

namespace scalebench {

namespace {

struct Column {
  std::string name;
  double value;
};

std::vector<Column> columns_of(const Point& p) {
  const auto most = [](const std::vector<double>& v) {
    return v.empty() ? kUnknown : *std::max_element(v.begin(), v.end());
  };
  std::vector<Column> columns = {{"ranks", static_cast<double>(p.ranks)},
                                 {"nodes", static_cast<double>(p.nodes)},
                                 {"threads", static_cast<double>(p.threads)},
                                 {"oversubscribed", p.oversubscribed ? 1.0 : 0.0},
                                 {"samples", static_cast<double>(p.step_time.samples)},
                                 {"step_time", p.step_time.median},
                                 {"step_time_mean", p.step_time.mean},
                                 {"step_time_min", p.step_time.min},
                                 {"step_time_max", p.step_time.max},
                                 {"step_time_p05", p.step_time.p05},
                                 {"step_time_p95", p.step_time.p95},
                                 {"step_time_ci_low", p.step_time.ci_low},
                                 {"step_time_ci_high", p.step_time.ci_high}};
  if (!std::isnan(p.busbw) || !std::isnan(p.bytes)) {
    const std::vector<Column> collective = {{"bytes", p.bytes}, {"in_place", p.in_place ? 1.0 : 0.0},
                                            {"time", p.time},   {"algbw", p.algbw},
                                            {"busbw", p.busbw}, {"wrong", p.wrong}};
    columns.insert(columns.end(), collective.begin(), collective.end());
    return columns;
  }
  columns.insert(columns.end(), {{"marked_time", p.marked_time}, {"muted_time", p.muted_time}});
  for (std::size_t phase = 0; phase < kPhases; ++phase)
    columns.push_back({std::string(kPhaseNames[phase]), p.phases[phase]});
  if (p.decode.present()) {
    for (const IntegerColumn& c : integer_columns())
      if (c.kind == Kind::decode) columns.push_back({std::string(c.name), static_cast<double>(c.get(p))});
    for (const RealColumn& c : real_columns())
      if (c.kind == Kind::decode) columns.push_back({std::string(c.name), c.value(p)});
    columns.insert(columns.end(), {{"speedup", p.speedup},
                                   {"efficiency", p.efficiency},
                                   {"memory_peak", most(p.memory_peak)},
                                   {"memory_estimate", p.memory_estimate}});
    return columns;
  }
  columns.insert(columns.end(), {{"tokens_per_second", p.tokens_per_second},
                                 {"flops_per_token_megatron", p.flops_per_token_megatron},
                                 {"flops_per_token_non_causal", p.flops_per_token_non_causal},
                                 {"flops_per_token_6n", p.flops_per_token_6n},
                                 {"mfu", p.mfu},
                                 {"hfu", p.hfu},
                                 {"peak_measured", p.peak_measured},
                                 {"peak_of_products", p.peak_of_products},
                                 {"share_in_products", p.share_in_products},
                                 {"mfu_datasheet", p.mfu_datasheet},
                                 {"peak_datasheet", p.peak_datasheet},
                                 {"speedup", p.speedup},
                                 {"efficiency", p.efficiency},
                                 {"memory_peak", most(p.memory_peak)},
                                 {"memory_estimate", p.memory_estimate}});
  return columns;
}

// Those of GPUs in all rows or none.
std::vector<Column> columns_of(const Measurement& m, const Point& p) {
  std::vector<Column> columns = columns_of(p);
  if (std::ranges::any_of(m.points, [](const Point& point) { return point.gpu.present(); }))
    for (const RealColumn& c : real_columns())
      if (c.kind == Kind::gpu) columns.push_back({std::string(c.name), c.value(p)});
  return columns;
}

std::string csv(const Measurement& m) {
  std::string text;
  for (const Point& point : m.points) {
    const std::vector<Column> columns = columns_of(m, point);
    std::string header, row;
    for (const Column& c : columns) {
      header += (header.empty() ? "" : ",") + c.name;
      row += fmt::format("{}{:.9g}", row.empty() ? "" : ",", c.value);
    }
    if (text.empty()) text = header + ",stop_reason\n";
    text += row + "," + point.stop_reason + "\n";
  }
  return text;
}

std::string json(const Measurement& m) {
  nlohmann::ordered_json points = nlohmann::json::array();
  for (const Point& point : m.points) {
    nlohmann::ordered_json row;
    for (const Column& c : columns_of(m, point))
      row[c.name] = std::isfinite(c.value) ? nlohmann::ordered_json(c.value) : nullptr;
    row["stop_reason"] = point.stop_reason;
    points.push_back(std::move(row));
  }
  nlohmann::ordered_json whole = {{"workload", m.workload}, {"run_id", m.run_id},   {"created", m.created},
                                  {"shrunk", m.shrunk},     {"scaling", m.scaling}, {"status", m.status},
                                  {"points", points}};
  if (m.found_rate) {
    whole["found_rate"] = std::isfinite(m.found_rate->rate) ? nlohmann::ordered_json(m.found_rate->rate) : nullptr;
    whole["found_rate_text"] = m.found_rate->text;
  }
  return whole.dump(2) + "\n";
}

}  // namespace

std::string report_data(const Measurement& m, Format format) { return format == Format::csv ? csv(m) : json(m); }

}  // namespace scalebench
