#include <functional>
#include <numeric>
#include <utility>

#include <fmt/format.h>

#include "app/recorder/hdf5_detail.hpp"

namespace scalebench::hdf5 {
namespace {

Handle space_of(const Handle& dataset) { return {H5Dget_space(dataset.id()), H5Sclose, "read a space"}; }

std::size_t product(std::span<const std::size_t> extents) {
  return std::accumulate(extents.begin(), extents.end(), std::size_t{1}, std::multiplies<>());
}

struct Selection {
  Handle file, memory;
};

// One row of the first axis, and the same number of elements in memory.
Selection select_row(const Handle& dataset, std::span<const std::size_t> extents, std::size_t row) {
  std::vector<hsize_t> start(extents.size(), 0), count(extents.begin(), extents.end());
  start.at(0) = row;
  count.at(0) = 1;
  const hsize_t elements = product(extents.subspan(1));
  Selection selection{space_of(dataset), {H5Screate_simple(1, &elements, nullptr), H5Sclose, "make a space"}};
  check(H5Sselect_hyperslab(selection.file.id(), H5S_SELECT_SET, start.data(), nullptr, count.data(), nullptr),
        "select a row");
  return selection;
}

void ensure_count(std::size_t given, std::size_t due, const std::string& name) {
  if (given != due) throw Fault(fmt::format("{} has {} elements where {} are due", name, given, due));
}

}  // namespace

Dataset::Dataset(Handle handle, std::string name) : handle_(std::move(handle)), name_(std::move(name)) {}

std::vector<std::size_t> Dataset::dimensions() const {
  const Handle space = space_of(handle_);
  std::vector<hsize_t> extents(static_cast<std::size_t>(check(H5Sget_simple_extent_ndims(space.id()), "read a rank")));
  check(H5Sget_simple_extent_dims(space.id(), extents.data(), nullptr), "read extents");
  return {extents.begin(), extents.end()};
}

std::size_t Dataset::count() const { return product(dimensions()); }

std::size_t Dataset::row_count() const {
  const auto extents = dimensions();
  if (extents.empty()) throw Fault(name_ + " has no axis");
  return product(std::span(extents).subspan(1));
}

void Dataset::write(std::span<const double> values) {
  ensure_count(values.size(), count(), name_);
  check(H5Dwrite(handle_.id(), H5T_NATIVE_DOUBLE, H5S_ALL, H5S_ALL, H5P_DEFAULT, values.data()), "write " + name_);
}

void Dataset::write(std::span<const std::int64_t> values) {
  ensure_count(values.size(), count(), name_);
  check(H5Dwrite(handle_.id(), H5T_NATIVE_INT64, H5S_ALL, H5S_ALL, H5P_DEFAULT, values.data()), "write " + name_);
}

void Dataset::write(std::span<const std::string> values) {
  ensure_count(values.size(), count(), name_);
  std::vector<std::string> clean;
  for (const std::string& value : values) clean.push_back(to_utf8(value));
  std::vector<const char*> texts;
  for (const std::string& value : clean) texts.push_back(value.c_str());
  check(H5Dwrite(handle_.id(), text_type().id(), H5S_ALL, H5S_ALL, H5P_DEFAULT, texts.data()), "write " + name_);
}

void Dataset::write_row(std::size_t row, std::span<const double> values) {
  const auto extents = dimensions();
  ensure_count(values.size(), row_count(), name_);
  const auto [file, memory] = select_row(handle_, extents, row);
  check(H5Dwrite(handle_.id(), H5T_NATIVE_DOUBLE, memory.id(), file.id(), H5P_DEFAULT, values.data()),
        "write " + name_);
}

std::vector<double> Dataset::reals() const {
  std::vector<double> values(count());
  check(H5Dread(handle_.id(), H5T_NATIVE_DOUBLE, H5S_ALL, H5S_ALL, H5P_DEFAULT, values.data()), "read " + name_);
  return values;
}

std::vector<std::int64_t> Dataset::integers() const {
  std::vector<std::int64_t> values(count());
  check(H5Dread(handle_.id(), H5T_NATIVE_INT64, H5S_ALL, H5S_ALL, H5P_DEFAULT, values.data()), "read " + name_);
  return values;
}

std::vector<std::string> Dataset::texts() const {
  const Handle stored(H5Dget_type(handle_.id()), H5Tclose, "read the type of " + name_);
  const Handle type = text_type_like(stored, name_), space = space_of(handle_);
  Strings texts(type, space, count());
  check(H5Dread(handle_.id(), type.id(), H5S_ALL, H5S_ALL, H5P_DEFAULT, texts.data()), "read " + name_);
  return texts.copy();
}

std::vector<double> Dataset::row(std::size_t row) const {
  const auto extents = dimensions();
  std::vector<double> values(row_count());
  const auto [file, memory] = select_row(handle_, extents, row);
  check(H5Dread(handle_.id(), H5T_NATIVE_DOUBLE, memory.id(), file.id(), H5P_DEFAULT, values.data()), "read " + name_);
  return values;
}

}  // namespace scalebench::hdf5
