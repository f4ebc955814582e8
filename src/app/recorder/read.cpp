#include "app/recorder/read.hpp"

#include <algorithm>
#include <bit>
#include <charconv>
#include <cmath>

#include "app/recorder/columns.hpp"
#include "app/recorder/file.hpp"

namespace scalebench {
namespace {

using hdf5::Fault;
using hdf5::Group;

// An attribute of type T; T{} where there is none.
template <class T>
T attribute(const Group& group, const std::string& name) {
  if (!group.has_attribute(name)) return {};
  const Attribute value = group.attribute(name);
  if (const T* found = std::get_if<T>(&value)) return *found;
  throw Fault("the attribute " + name + " is of another type");
}

int to_number(std::string_view text) {
  int value = -1;
  std::from_chars(text.data(), text.data() + text.size(), value);
  return value;
}

void read_root(const Group& root, Measurement& run) {
  run.kind = attribute<std::string>(root, "kind");
  run.complete = attribute<std::int64_t>(root, "complete") != 0;
  run.status = attribute<std::string>(root, "status");
  run.run_id = attribute<std::string>(root, "run_id");
  run.created = attribute<std::string>(root, "created");
  run.workload = attribute<std::string>(root, "workload");
  run.shrunk = attribute<std::string>(root, "shrunk");
  run.command = attribute<std::string>(root, "command");
  run.scaling = attribute<std::string>(root, "scaling");
  run.baseline_ranks = static_cast<int>(attribute<std::int64_t>(root, "baseline_ranks"));
  if (root.has_attribute("found_rate"))
    run.found_rate = {attribute<double>(root, "found_rate"), attribute<std::string>(root, "found_rate_text")};
  run.environment = root.group("environment").attributes();
  run.model = root.group("model").attributes();
  run.plan = root.group("plan").attributes();
  run.machine = root.group("machine").attributes();
  if (root.has("verification")) run.verification = root.group("verification").attributes();
}

std::vector<Point> read_summary(const Group& group) {
  std::vector<Point> points(group.dataset("point").dimensions().at(0));
  for (const IntegerColumn& column : integer_columns())
    read_column<std::int64_t>(group, std::string(column.name), points, column.set);
  for (const RealColumn& column : real_columns())
    read_column<double>(group, std::string(column.name), points, [&](Point& p, double v) { column.field(p) = v; });
  for (std::size_t i = 0; i < kPhases; ++i) {
    for (Point& point : points) point.phases[i] = kUnknown;
    read_column<double>(group, std::string(kPhaseNames[i]), points, [i](Point& p, double v) { p.phases[i] = v; });
  }
  read_column<std::string>(group, "stop_reason", points, [](Point& p, const std::string& v) { p.stop_reason = v; });
  return points;
}

class Fnv {  // FNV-1a, 64 bits
 public:
  void add(std::uint64_t value) {
    for (int byte = 0; byte < 8; ++byte) hash_ = (hash_ ^ (value >> (8 * byte) & 0xFF)) * 1099511628211ULL;
  }
  std::uint64_t value() const { return hash_; }

 private:
  std::uint64_t hash_ = 14695981039346656037ULL;
};

}  // namespace

void check_schema(const Group& root) {
  if (!root.has_attribute("schema") || attribute<std::string>(root, "schema") != "scalebench")
    throw Fault("it is not a result of scalebench");
  const auto version = attribute<std::string>(root, "schema_version");
  const auto dot = version.find('.');
  const int major = to_number(version.substr(0, dot));
  const int minor = dot == std::string::npos ? 0 : to_number(version.substr(dot + 1));
  if (major < 0 || minor < 0) throw Fault(fmt::format("its schema version is \"{}\"", version));
  if (major > kSchemaMajor || (major == kSchemaMajor && minor > kSchemaMinor))
    throw Fault(
        fmt::format("its schema version is {}, and this release knows {}.{}", version, kSchemaMajor, kSchemaMinor));
}

Measurement read_measurement(const std::filesystem::path& file) {
  const hdf5::File opened = hdf5::File::open(file);
  const Group root = opened.root();
  check_schema(root);
  Measurement run;
  read_root(root, run);
  run.points = read_summary(root.group("summary"));
  const Group points = root.group("points");
  for (std::size_t i = 0; i < run.points.size(); ++i) read_point(points.group(point_name(i)), run.points[i]);
  return run;
}

std::uint64_t digest(std::span<const Point* const> points) {
  Fnv hash;
  hash.add(points.size());
  for (const Point* point : points) {
    hash.add(point->iterations.size());
    for (const Iteration& iteration : point->iterations) {
      hash.add(static_cast<std::uint64_t>(iteration.index));
      hash.add(static_cast<std::uint64_t>(iteration.kind));
      for (std::size_t rank = 0; rank < iteration.samples.size(); ++rank) {
        if (std::isnan(iteration.samples[rank])) continue;
        hash.add(rank);
        hash.add(std::bit_cast<std::uint64_t>(iteration.samples[rank]));
      }
    }
  }
  return hash.value();
}

std::vector<const Point*> addresses(std::span<const Point> points) {
  std::vector<const Point*> found;
  for (const Point& point : points) found.push_back(&point);
  return found;
}

}  // namespace scalebench
