#include <algorithm>
#include <array>
#include <limits>
#include <utility>

#include <fmt/format.h>
#include <hdf5_hl.h>

#include "app/recorder/hdf5_detail.hpp"

namespace scalebench::hdf5 {
namespace {

constexpr std::size_t kContiguous = 64 << 10;  // bytes; up to here one-dimensional datasets are not chunked
constexpr std::size_t kChunk = 256 << 10;      // bytes wanted in a chunk
constexpr unsigned kDeflate = 4;

Handle file_type(Type type) {
  if (type == Type::text) return text_type();
  const hid_t numbers[] = {H5T_IEEE_F64LE, H5T_STD_I64LE, -1, H5T_IEEE_F32LE, H5T_STD_I32LE};  // as in Type
  return {H5Tcopy(numbers[static_cast<std::size_t>(type)]), H5Tclose, "copy a type"};
}

bool all_ready() { return H5Zfilter_avail(H5Z_FILTER_SHUFFLE) > 0 && H5Zfilter_avail(H5Z_FILTER_DEFLATE) > 0; }

void compress(const Handle& properties, std::span<const hsize_t> extents, Rows rows) {
  std::size_t row_bytes = 8;
  for (const hsize_t extent : extents.subspan(1)) row_bytes *= extent;
  std::vector<hsize_t> chunk(extents.begin(), extents.end());
  chunk[0] = rows == Rows::some ? 1 : std::clamp<hsize_t>(kChunk / row_bytes, 1, extents[0]);
  check(H5Pset_chunk(properties.id(), static_cast<int>(chunk.size()), chunk.data()), "set chunks");
  if (!all_ready()) return;
  check(H5Pset_shuffle(properties.id()), "set shuffle");
  check(H5Pset_deflate(properties.id(), kDeflate), "set deflate");
}

Handle layout(Type type, std::span<const hsize_t> extents, Rows rows) {
  Handle properties(H5Pcreate(H5P_DATASET_CREATE), H5Pclose, "make dataset properties");
  check(H5Pset_obj_track_times(properties.id(), false), "leave times out");
  if (type == Type::real) {
    const double unknown = std::numeric_limits<double>::quiet_NaN();
    check(H5Pset_fill_value(properties.id(), H5T_NATIVE_DOUBLE, &unknown), "set the fill value");
  }
  std::size_t bytes = 8;
  for (const hsize_t extent : extents) bytes *= extent;
  if (bytes > 0 && (extents.size() > 1 || bytes > kContiguous)) compress(properties, extents, rows);
  return properties;
}

Handle space_of(std::span<const hsize_t> extents) {
  return {H5Screate_simple(static_cast<int>(extents.size()), extents.data(), nullptr), H5Sclose, "make a space"};
}

}  // namespace

Group::Group(Handle handle, std::string name) : handle_(std::move(handle)), name_(std::move(name)) {}

bool Group::has(const std::string& name) const {
  return check(H5Lexists(handle_.id(), name.c_str(), H5P_DEFAULT), "look for " + name) > 0;
}

Group Group::create_group(const std::string& name) {
  const std::string full = name_ + "/" + name;
  return {{H5Gcreate2(handle_.id(), name.c_str(), H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT), H5Gclose, "make " + full},
          full};
}

Group Group::group(const std::string& name) const {
  const std::string full = name_ + "/" + name;
  return {{H5Gopen2(handle_.id(), name.c_str(), H5P_DEFAULT), H5Gclose, "open " + full}, full};
}

Dataset Group::dataset(const std::string& name) const {
  const std::string full = name_ + "/" + name;
  return {{H5Dopen2(handle_.id(), name.c_str(), H5P_DEFAULT), H5Dclose, "open " + full}, full};
}

Dataset Group::create(const Label& label, Type type, std::span<const std::size_t> extents, Rows rows) {
  const std::string full = name_ + "/" + label.name;
  const std::vector<hsize_t> dimensions(extents.begin(), extents.end());
  const Handle stored = file_type(type), space = space_of(dimensions), properties = layout(type, dimensions, rows);
  Handle made(
      H5Dcreate2(handle_.id(), label.name.c_str(), stored.id(), space.id(), H5P_DEFAULT, properties.id(), H5P_DEFAULT),
      H5Dclose, "make " + full);
  if (!label.units.empty()) set_attribute(made, "units", label.units);
  set_attribute(made, "long_name", label.long_name);
  return {std::move(made), full};
}

Dataset Group::create(const Label& label, Type type, const Axes& axes, Rows rows) {
  std::vector<std::size_t> extents;
  for (const Dataset& axis : axes) extents.push_back(axis.dimensions().at(0));
  Dataset made = create(label, type, extents, rows);
  for (unsigned i = 0; i < axes.size(); ++i)
    check(H5DSattach_scale(made.handle().id(), axes[i].get().handle().id(), i), "attach a scale to " + label.name);
  return made;
}

Dataset Group::scale(const Label& label, std::span<const std::int64_t> values) {
  Dataset made = create(label, Type::integer, std::array{values.size()}, Rows::all);
  made.write(values);
  check(H5DSset_scale(made.handle().id(), label.name.c_str()), "make a scale of " + label.name);
  return made;
}

Dataset Group::scale(const Label& label, std::span<const std::string> values) {
  Dataset made = create(label, Type::text, std::array{values.size()}, Rows::all);
  made.write(values);
  check(H5DSset_scale(made.handle().id(), label.name.c_str()), "make a scale of " + label.name);
  return made;
}

}  // namespace scalebench::hdf5
