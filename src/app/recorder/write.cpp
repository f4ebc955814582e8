#include "app/recorder/write.hpp"

#include <fmt/format.h>

#include "app/recorder/columns.hpp"
#include "app/recorder/file.hpp"
#include "app/recorder/hdf5.hpp"

namespace scalebench {
namespace {

using hdf5::Dataset;
using hdf5::Group;
using hdf5::Type;
using Points = std::span<const Point* const>;

void write_root(Group root, const Measurement& run) {
  root.set({{"schema", "scalebench"},
            {"schema_version", fmt::format("{}.{}", kSchemaMajor, kSchemaMinor)},
            {"kind", run.kind},
            {"complete", std::int64_t{run.complete}},
            {"status", run.status},
            {"run_id", run.run_id},
            {"created", run.created},
            {"workload", run.workload},
            {"shrunk", run.shrunk},
            {"command", run.command},
            {"scaling", run.scaling},
            {"placement", "packed"},
            {"baseline_ranks", std::int64_t{run.baseline_ranks}}});
  if (run.found_rate) root.set({{"found_rate", run.found_rate->rate}, {"found_rate_text", run.found_rate->text}});
  root.create_group("environment").set(run.environment);
  if (!run.verification.empty()) root.create_group("verification").set(run.verification);
  root.create_group("model").set(run.model);
  root.create_group("plan").set(run.plan);
  root.create_group("machine").set(run.machine);
}

void write_phase_columns(Group& group, const Dataset& scale, Points points) {
  for (std::size_t i = 0; i < kPhases; ++i)
    write_column(group, {std::string(kPhaseNames[i]), "s", std::string(kPhaseMeanings[i])}, Type::real, scale, points,
                 [i](const Point* point) { return has_marked(*point) ? point->phases[i] : kUnknown; });
}

void write_summary(Group group, Points points) {
  const Kind kind = kind_of(points);
  const Dataset scale = group.scale({"point", "1", "number of the point, as in points/"}, count_up(points.size()));
  for (const IntegerColumn& column : integer_columns())
    if (belongs(column.kind, kind))
      write_column(group, {std::string(column.name), "1", std::string(column.long_name)}, Type::integer, scale, points,
                   [&](const Point* point) { return column.get(*point); });
  for (const RealColumn& column : real_columns())
    if (belongs(column.kind, kind) || (column.kind == Kind::gpu && watched(points)))
      write_column(group, {std::string(column.name), std::string(column.units), std::string(column.long_name)},
                   Type::real, scale, points, [&](const Point* point) { return column.value(*point); });
  if (kind != Kind::collective) write_phase_columns(group, scale, points);
  write_column(group, {"memory_peak", "B", "most memory in use, largest over ranks"}, Type::real, scale, points,
               [](const Point* point) { return largest(point->memory_peak); });
  write_column(group, {"stop_reason", "", "what ended the point"}, Type::text, scale, points,
               [](const Point* point) { return point->stop_reason; });
}

}  // namespace

std::string point_name(std::size_t index) { return fmt::format("{:03d}", index); }

std::vector<std::byte> encode(const Measurement& run, Points points) {
  const hdf5::File file = hdf5::File::in_memory();
  Group root = file.root();
  write_root(file.root(), run);
  write_summary(root.create_group("summary"), points);
  Group all = root.create_group("points");
  for (std::size_t i = 0; i < points.size(); ++i) write_point(all.create_group(point_name(i)), *points[i]);
  return file.image();
}

}  // namespace scalebench
